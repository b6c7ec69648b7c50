//! What one service asks of its supervision, in Compose's words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ids::{Release, Signal};
use crate::words::{Dependency, HealthTimes, RestartPolicy};

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

/// When a replica counts as ready, which is when the gateway gets it and those that wait for `healthy` go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// When it has run for a while: for those that neither listen nor have a check. Such a one may end well.
    Running {
        /// How long; nothing makes it ready at once.
        for_at_least: Duration,
    },
    /// When it listens, or has been quiet for so long that nobody waits any longer ([`super::Event::Quiet`]). One that never
    /// listened may end well.
    Listening {
        /// How long it may take; it stays, but counts as failed.
        limit: Duration,
    },
    /// When its health check succeeds.
    Check(HealthTimes),
}

/// How a rolling restart replaces a service's replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// One new one more than asked for, until it is ready and an old one left.
    StartFirst,
    /// All old ones leave before new ones start: for what cannot run twice, such as a database. Jobs are done so, too.
    StopFirst,
}
