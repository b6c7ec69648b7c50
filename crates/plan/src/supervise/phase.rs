//! Where a replica is in its life, and what it is to its service.

use std::time::Duration;

use super::ids::Moment;
use super::reason::Reason;

/// Where a replica is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It waits for what it depends on.
    Waiting,
    /// What it depends on will not come true as things are. It goes on as soon as that changes.
    Blocked(Reason),
    /// Its process is being started.
    Spawning,
    /// Its process runs.
    Running {
        /// Since when.
        since: Moment,
        /// How it does.
        health: Health,
    },
    /// Its process ended and will be started again.
    BackingOff {
        /// Why it ended.
        reason: Reason,
        /// How long after its end it is started.
        delay: Duration,
    },
    /// Its last requests are waited for.
    Draining,
    /// It was asked to end.
    Stopping,
    /// It was killed.
    Killing,
    /// It did its work and ended well.
    Completed,
    /// It ended and stays so.
    Failed(Reason),
}

/// How a running replica does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is not known yet.
    Starting,
    /// It is ready.
    Healthy,
    /// It is not well.
    Unhealthy(Reason),
}

/// What a replica is to its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One of those asked for.
    Current,
    /// One of those asked for, to be replaced by the rollout that runs.
    Outdated,
    /// The rollout's new one; it is `Current` as soon as it is ready.
    Candidate,
    /// It is to go.
    Leaving,
    /// It is to go now, by force.
    Doomed,
}

impl Phase {
    /// Whether there is a process, or may be one in a moment.
    #[must_use]
    pub const fn has_process(&self) -> bool {
        match self {
            Self::Spawning | Self::Running { .. } | Self::Draining | Self::Stopping | Self::Killing => true,
            Self::Waiting
            | Self::Blocked(_)
            | Self::BackingOff { .. }
            | Self::Completed
            | Self::Failed(_) => false,
        }
    }

    /// Whether it does what it is there for, or has done it.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        match self {
            Self::Running { health: Health::Healthy, .. } | Self::Completed => true,
            Self::Running { health: Health::Starting | Health::Unhealthy(_), .. }
            | Self::Waiting
            | Self::Blocked(_)
            | Self::Spawning
            | Self::BackingOff { .. }
            | Self::Draining
            | Self::Stopping
            | Self::Killing
            | Self::Failed(_) => false,
        }
    }
}

impl Standing {
    /// Whether it is to go.
    #[must_use]
    pub const fn is_leaving(self) -> bool {
        match self {
            Self::Leaving | Self::Doomed => true,
            Self::Current | Self::Outdated | Self::Candidate => false,
        }
    }
}
