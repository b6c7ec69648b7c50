//! What the machine answers.

use std::time::Duration;

use super::ids::{Epoch, Release, ReplicaId, ServiceId, Signal, Timer};
use super::reason::Reason;

/// Something to do. They are carried out in the order in which they come.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process.
    Spawn {
        /// Which one.
        replica: ReplicaId,
        /// What it is made of.
        release: Release,
    },
    /// Run the service's health check once and answer with [`super::Event::Health`]. At the limit the check is ended;
    /// an answer after it is not heard.
    CheckHealth {
        /// Which one's.
        replica: ReplicaId,
        /// To be told with the answer.
        epoch: Epoch,
        /// How long it may take.
        limit: Duration,
    },
    /// Give it requests.
    AddToGateway(ReplicaId),
    /// Give it no new requests. Those that it has go on, and are still counted should it be drained.
    RemoveFromGateway(ReplicaId),
    /// Give it no new requests and answer with [`super::Event::Drained`] when it has none left; at once when it never
    /// had any.
    Drain {
        /// Which one.
        replica: ReplicaId,
        /// How long it is waited for, should the answer not come.
        limit: Duration,
    },
    /// Ask a process to end.
    Signal {
        /// Which one.
        replica: ReplicaId,
        /// How.
        signal: Signal,
    },
    /// End a process and all of its group by force.
    Kill(ReplicaId),
    /// Send the timer back as an event when the time has passed. Timers are never cancelled: old ones have no effect.
    SetTimer {
        /// What to send back.
        timer: Timer,
        /// When, from now.
        after: Duration,
    },
    /// Tell whoever looks on. Nothing depends on it, but that what belongs to a place can go when it is
    /// [`Report::Gone`].
    Report(Report),
}

/// News for people and for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It is ready.
    Healthy(ReplicaId),
    /// It runs, but is not well.
    Unhealthy {
        /// Which one.
        replica: ReplicaId,
        /// Why.
        reason: Reason,
    },
    /// It ended and will be started again.
    Restarting {
        /// Which one.
        replica: ReplicaId,
        /// Why it ended.
        reason: Reason,
        /// When it is started, from now.
        after: Duration,
    },
    /// It did its work and ended well.
    Completed(ReplicaId),
    /// It ended and will not be started again.
    Failed {
        /// Which one.
        replica: ReplicaId,
        /// Why.
        reason: Reason,
    },
    /// It cannot start, because of another service.
    Blocked {
        /// Which one.
        replica: ReplicaId,
        /// Why.
        reason: Reason,
    },
    /// It was taken out of service; its place is free.
    Gone(ReplicaId),
    /// It was killed and lives on: the kernel does not let it go. It is killed again.
    Unkillable(ReplicaId),
    /// All replicas of the service were replaced.
    RolloutDone(ServiceId),
    /// The rollout was given up. Old replicas that were not yet replaced stay.
    RolloutAborted {
        /// The service.
        service: ServiceId,
        /// Why.
        reason: Reason,
    },
}
