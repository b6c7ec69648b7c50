//! What services print, whatever runs them.

use std::time::{Duration, SystemTime};

use backlot_logs::{Follower, LogLine, LogQuery, read_logs};

use crate::error::EngineError;
use crate::site::Site;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogWish {
    /// Of these services; none named means all.
    pub services: Vec<String>,
    /// The last so many of each replica, of those that are there already.
    pub tail: Option<usize>,
    /// Printed at this time or later.
    pub since: Option<SystemTime>,
    /// Whether those that are printed from now on are wanted, too.
    pub follow: bool,
}

/// Lines, those that are there first.
pub trait Lines {
    /// The lines that are there, as far as [`Lines::next`] does not begin with them.
    ///
    /// # Errors
    /// When they cannot be read.
    fn so_far(&mut self) -> Result<Vec<LogLine>, EngineError>;

    /// New lines; waits for some no longer than `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn next(&mut self, limit: Duration) -> Result<Vec<LogLine>, EngineError>;

    /// Whether there is anybody who could still print.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn is_live(&mut self) -> Result<bool, EngineError>;
}

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
