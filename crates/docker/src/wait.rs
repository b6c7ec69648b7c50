//! What a wait for containers remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::container::Container;

/// How long a container without a health check may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_mins(1);
/// How long one with a health check may take, whatever its check says: Docker counts its failures.
const CHECK_LIMIT: Duration = Duration::from_mins(15);

/// A wait for containers to be ready.
#[derive(Debug)]
pub(super) struct Waiting {
    known: BTreeSet<String>,
    since: BTreeMap<String, Instant>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { known: BTreeSet::new(), since: BTreeMap::new() }
    }

    /// Whether this container was seen to be ready.
    pub(super) fn is_known(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    /// Notes that a container is ready; whether that is news.
    pub(super) fn is_news(&mut self, id: &str) -> bool {
        self.known.insert(id.to_owned())
    }

    /// How long it was waited for a container, if that was too long.
    pub(super) fn too_long(&mut self, container: &Container) -> Option<Duration> {
        let since = *self.since.entry(container.id.clone()).or_insert_with(Instant::now);
        let limit = if container.health.is_some() { CHECK_LIMIT } else { LISTEN_LIMIT };
        Some(since.elapsed()).filter(|waited| *waited > limit)
    }
}
