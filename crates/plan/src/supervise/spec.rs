//! What one service asks of its supervision, in Compose's words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ids::{Release, Signal};

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// How many copies run.
    pub replicas: u32,
    /// What its processes are made of: its first ones, or those that it has from now on.
    pub release: Release,
    /// The services that come before it, by name.
    pub depends_on: BTreeMap<String, Dependency>,
    /// When it counts as ready.
    pub readiness: Readiness,
    /// What to do when it ends.
    pub restart: RestartPolicy,
    /// What asks it to end.
    pub stop_signal: Signal,
    /// How long it may take to end before it is killed; before that, how long its requests may take to finish.
    pub stop_grace: Duration,
    /// Whether it gets its requests from the gateway.
    pub gateway: bool,
    /// How a rolling restart replaces it.
    pub replacement: Replacement,
}

impl ServiceSpec {
    /// One replica with Compose's defaults: no dependency, no check, no restart, ten seconds of grace.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            replicas: 1,
            release: Release::default(),
            depends_on: BTreeMap::new(),
            readiness: Readiness::Running { for_at_least: Duration::ZERO },
            restart: RestartPolicy::No,
            stop_signal: Signal::TERM,
            stop_grace: Duration::from_secs(10),
            gateway: false,
            replacement: Replacement::StartFirst,
        }
    }
}

/// What a service waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// What must be true of all replicas of the other.
    pub condition: Condition,
    /// Whether it has to be there and to do well. If not, it is waited for as long as it may still come true.
    pub required: bool,
    /// Whether a restart of the other that somebody asked for restarts this one, too.
    pub restart: bool,
}

/// What must be true of a service that another waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It was started, whatever became of it.
    Started,
    /// It is ready, or did its work and ended well.
    Healthy,
    /// It ended with exit code 0. That makes it a job: such an end is not followed by a restart, whatever its policy.
    CompletedSuccessfully,
}

/// When a replica counts as ready, which is when the gateway gets it and those that wait for `healthy` go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// When it has run for a while: for those that neither listen nor have a check. Such a one may end well.
    Running {
        /// How long; nothing makes it ready at once.
        for_at_least: Duration,
    },
    /// When it listens.
    Listening {
        /// How long it may take; it stays, but counts as failed.
        limit: Duration,
    },
    /// When its health check succeeds.
    Check(HealthCheck),
}

/// The times of a health check.
///
/// Until its first success the check is also run in between, quickly at first, so that nobody waits for an interval to
/// pass; those failures do not count. All the rest is as Docker does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthCheck {
    /// The time from one check's answer to the next check.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// How many failures in a row make it unhealthy; at least one.
    pub retries: u32,
    /// How long after the start failures do not count.
    pub start_period: Duration,
    /// The time between two checks within the start period.
    pub start_interval: Duration,
}

impl Default for HealthCheck {
    /// Docker's.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            retries: 3,
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(5),
        }
    }
}

/// What to do when a process ends that nobody stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Nothing.
    No,
    /// Start it again.
    Always,
    /// Start it again if it did not end well.
    OnFailure {
        /// How many times in its life; `None` for no limit.
        max_retries: Option<u32>,
    },
    /// As [`Self::Always`]: the two differ only in what a Docker daemon does at its own start.
    UnlessStopped,
}

/// How a rolling restart replaces a service's replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// One new one more than asked for, until it is ready and an old one left.
    StartFirst,
    /// All old ones leave before new ones start: for what cannot run twice, such as a database. Jobs are done so, too.
    StopFirst,
}
