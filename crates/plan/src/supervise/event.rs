//! What the machine is told.

use std::fmt;
use std::time::Duration;

use super::ids::{Epoch, Release, ReplicaId, ServiceId, Timer};
use super::stack::StackSpec;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants something.
    Command(Command),
    /// The process runs.
    Spawned(ReplicaId),
    /// The process could not be started.
    SpawnFailed {
        /// Which one.
        replica: ReplicaId,
        /// Why.
        detail: String,
    },
    /// The process ended, for whatever cause.
    Exited {
        /// Which one.
        replica: ReplicaId,
        /// How.
        exit: Exit,
    },
    /// The process listens where it should.
    Listening(ReplicaId),
    /// The process listens, but not where it should.
    ListensElsewhere {
        /// Which one.
        replica: ReplicaId,
        /// Where it listens instead.
        address: String,
    },
    /// The process runs and listens nowhere where it might, and nobody waits for that any longer: not all that says a port
    /// ever listens.
    Quiet(ReplicaId),
    /// A health check was answered.
    Health {
        /// Which one's.
        replica: ReplicaId,
        /// The check, as it was asked for.
        epoch: Epoch,
        /// Its answer: well, or what is wrong.
        answer: Result<(), String>,
    },
    /// The gateway has no more requests at a replica that is drained.
    Drained(ReplicaId),
    /// Time is up.
    Timer(Timer),
}

/// What somebody wants. The last one given wins over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run these services and all that they depend on; none named means all. Those that failed or wait for their restart
    /// are tried again at once; those that completed are not.
    Up {
        /// The services.
        services: Vec<ServiceId>,
    },
    /// Stop everything, dependents first.
    Down,
    /// Kill everything now, without order and grace.
    Kill,
    /// Stop one service; those that depend on it run on. It is not restarted, whatever its policy.
    Stop {
        /// The service.
        service: ServiceId,
    },
    /// The replicas of a service, and of those that asked to be replaced with it, that are there now may take no longer than
    /// this to end, whenever that is asked of them. Those that come after them may take as long as ever.
    Hasten {
        /// The service.
        service: ServiceId,
        /// How long, in the place of its own grace period.
        grace: Duration,
    },
    /// Run so many replicas of a service. While a rollout runs, more of them wait for its end. A stopped service stays
    /// stopped.
    Scale {
        /// The service.
        service: ServiceId,
        /// How many.
        replicas: u32,
    },
    /// Supervise this stack from now on, which continues the present one (see [`StackSpec::continued`]). Only what
    /// differs is touched: services of another release are replaced one replica after another, and those that asked for
    /// it by `restart: true` with them; others are judged, restarted and stopped in the new way and keep their
    /// processes; those that are no longer there are stopped. New ones start with the next [`Self::Up`].
    Adopt {
        /// The stack.
        stack: Box<StackSpec>,
    },
    /// Replace all replicas of a service, and of those that asked for it by `restart: true`.
    Restart {
        /// The service.
        service: ServiceId,
        /// What the new ones are made of.
        release: Release,
        /// One after another, each new one ready before an old one leaves; else all are stopped first.
        rolling: bool,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is not known how: it was not our child. Nobody would say that it ended well.
    Unknown,
}

impl Exit {
    /// Whether it ended well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Unknown => write!(f, "ended"),
        }
    }
}
