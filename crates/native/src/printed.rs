//! What processes of this machine print.

use std::time::Duration;

use backlot_logs::{Follower, LogLine, LogQuery, read_logs};
use backlot_state::{EngineError, Lines, Site};

/// The lines of processes of this machine.
pub(crate) struct OfProcesses {
    site: Site,
    query: LogQuery,
    follower: Option<Follower>,
    was_live: bool,
}

impl OfProcesses {
    pub(crate) fn new(site: &Site, query: LogQuery, follow: bool) -> Self {
        let follower = follow.then(|| Follower::new(&query));
        Self { site: site.clone(), query, follower, was_live: true }
    }
}

impl Lines for OfProcesses {
    fn so_far(&mut self) -> Result<Vec<LogLine>, EngineError> {
        if self.follower.is_some() {
            return Ok(Vec::new());
        }
        let failed = |source| EngineError::Io { what: "read", path: self.site.logs(), source };
        read_logs(&self.query).map_err(failed)
    }

    fn next(&mut self, limit: Duration) -> Result<Vec<LogLine>, EngineError> {
        // Looked at before the lines are read: what ends meanwhile has its last ones read.
        self.was_live = self.site.is_supervised()? || self.site.is_running()?;
        Ok(self.follower.as_mut().map(|follower| follower.next(limit)).unwrap_or_default())
    }

    fn is_live(&mut self) -> Result<bool, EngineError> {
        Ok(self.was_live)
    }
}
