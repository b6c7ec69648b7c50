//! What services print, whatever runs them.

use std::time::{Duration, SystemTime};

use backlot_logs::LogLine;

use crate::error::EngineError;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogWish {
    /// Of these services; none named means all.
    pub services: Vec<String>,
    /// The last so many of each replica, of those that are there already.
    pub tail: Option<usize>,
    /// Printed at this time or later.
    pub since: Option<SystemTime>,
    /// Printed at this time or sooner, of those that are there already.
    pub until: Option<SystemTime>,
    /// Whether those that are printed from now on are wanted, too.
    pub follow: bool,
}

/// Lines, those that are there first.
pub trait Lines {
    /// The lines that are there, as far as [`Lines::next`] does not begin with them.
    fn so_far(&mut self) -> Result<Vec<LogLine>, EngineError>;

    /// New lines; waits for some no longer than `limit`.
    fn next(&mut self, limit: Duration) -> Result<Vec<LogLine>, EngineError>;

    /// Whether there is anybody who could still print.
    fn is_live(&mut self) -> Result<bool, EngineError>;
}
