//! Why something is not as it should be.

use std::time::Duration;

use super::event::Exit;

/// Why a replica does not do its work. The text fits after its name: "web-1 exited with code 1".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No process could be made of it.
    #[error("could not be started: {detail}")]
    NotSpawned {
        /// What the system said.
        detail: String,
    },
    /// Its process ended, and its restart policy leaves it so.
    #[error("{0}")]
    Exited(Exit),
    /// Its process ends again and again.
    #[error("{exit}, {deaths} times in a row")]
    CrashLoop {
        /// How it ended last.
        exit: Box<Reason>,
        /// How often it ended without having run for ten seconds.
        deaths: u32,
    },
    /// Its health check fails.
    #[error("is unhealthy after {failures} failed checks: {detail}")]
    Unhealthy {
        /// How often in a row.
        failures: u32,
        /// What the last check said.
        detail: String,
    },
    /// It does not listen.
    #[error("does not listen after {waited:?}")]
    NotListening {
        /// How long it had.
        waited: Duration,
    },
    /// It listens in the wrong place.
    #[error("listens on {address}")]
    ListensElsewhere {
        /// Where it listens.
        address: String,
    },
    /// It was stopped on purpose.
    #[error("is stopped")]
    Stopped,
    /// A service that it depends on fails.
    #[error("depends on {service}, which {reason}")]
    Dependency {
        /// The service where the trouble began, which may be several steps away.
        service: String,
        /// Its trouble.
        reason: Box<Reason>,
    },
    /// Its rollout was given up.
    #[error("was not replaced: the new {replica} {reason}")]
    RolloutAborted {
        /// The new replica that failed.
        replica: String,
        /// Its trouble.
        reason: Box<Reason>,
    },
}

impl From<Exit> for Reason {
    fn from(exit: Exit) -> Self {
        Self::Exited(exit)
    }
}
