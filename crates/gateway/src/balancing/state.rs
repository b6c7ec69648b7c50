//! A replica's state, and what changes it. Pure.

use std::fmt;

/// Whether a replica is given work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaState {
    /// It is.
    Ready,
    /// The caller said that it is not healthy.
    Unhealthy,
    /// A connection to it failed; it is tried again until one succeeds.
    Unreachable {
        /// Counts how often this happened, so that a check that was begun earlier changes nothing.
        epoch: u64,
    },
    /// It finishes what it has.
    Draining,
}

impl fmt::Display for ReplicaState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ReplicaState::Ready => "ready",
            ReplicaState::Unhealthy => "unhealthy",
            ReplicaState::Unreachable { .. } => "unreachable",
            ReplicaState::Draining => "draining",
        })
    }
}

/// What can happen to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The caller's word on its health.
    Health(bool),
    /// A connection to it failed.
    ConnectFailed,
    /// The check that was begun in this epoch reached it.
    Reached { epoch: u64 },
    /// It is to finish.
    Drain,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Action {
    /// Nothing.
    Nothing,
    /// Wake the requests that wait for a replica.
    Announce,
    /// Begin to check whether it can be reached again.
    Recheck { epoch: u64 },
}

/// The state after an event. `epoch` is the number for a new time of unreachability.
pub(crate) fn next(state: ReplicaState, event: Event, epoch: u64) -> (ReplicaState, Action) {
    match (state, event) {
        // Draining ends with the replica's removal and with nothing else.
        (ReplicaState::Draining, _) | (_, Event::Drain) => (ReplicaState::Draining, Action::Nothing),
        (ReplicaState::Ready, Event::Health(true)) => (ReplicaState::Ready, Action::Nothing),
        (ReplicaState::Unhealthy | ReplicaState::Unreachable { .. }, Event::Health(true)) => {
            (ReplicaState::Ready, Action::Announce)
        }
        (_, Event::Health(false)) => (ReplicaState::Unhealthy, Action::Nothing),
        (ReplicaState::Ready, Event::ConnectFailed) => {
            (ReplicaState::Unreachable { epoch }, Action::Recheck { epoch })
        }
        // The caller's word stands until the caller takes it back.
        (ReplicaState::Unhealthy | ReplicaState::Unreachable { .. }, Event::ConnectFailed) => {
            (state, Action::Nothing)
        }
        (ReplicaState::Unreachable { epoch: current }, Event::Reached { epoch }) if current == epoch => {
            (ReplicaState::Ready, Action::Announce)
        }
        (
            ReplicaState::Ready | ReplicaState::Unhealthy | ReplicaState::Unreachable { .. },
            Event::Reached { .. },
        ) => (state, Action::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::ReplicaState::{Draining, Ready, Unhealthy, Unreachable};
    use super::{Action, Event, ReplicaState, next};

    #[test]
    fn every_change() {
        let lost = Unreachable { epoch: 3 };
        let table: [(ReplicaState, Event, ReplicaState, Action); 16] = [
            (Ready, Event::Health(true), Ready, Action::Nothing),
            (Ready, Event::Health(false), Unhealthy, Action::Nothing),
            (Ready, Event::ConnectFailed, Unreachable { epoch: 7 }, Action::Recheck { epoch: 7 }),
            (Ready, Event::Reached { epoch: 3 }, Ready, Action::Nothing),
            (Ready, Event::Drain, Draining, Action::Nothing),
            (Unhealthy, Event::Health(true), Ready, Action::Announce),
            (Unhealthy, Event::ConnectFailed, Unhealthy, Action::Nothing),
            (Unhealthy, Event::Reached { epoch: 3 }, Unhealthy, Action::Nothing),
            (lost, Event::Health(true), Ready, Action::Announce),
            (lost, Event::Health(false), Unhealthy, Action::Nothing),
            (lost, Event::ConnectFailed, lost, Action::Nothing),
            (lost, Event::Reached { epoch: 3 }, Ready, Action::Announce),
            (lost, Event::Reached { epoch: 2 }, lost, Action::Nothing),
            (Draining, Event::Health(true), Draining, Action::Nothing),
            (Draining, Event::Reached { epoch: 3 }, Draining, Action::Nothing),
            (Draining, Event::ConnectFailed, Draining, Action::Nothing),
        ];
        for (state, event, after, action) in table {
            assert_eq!(next(state, event, 7), (after, action), "{state:?} {event:?}");
        }
    }
}
