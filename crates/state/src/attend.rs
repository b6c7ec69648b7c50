//! A stack in the foreground, whatever runs it: it is shown what it prints, and it ends with whoever looks on.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_logs::LogLine;
use backlot_supervisor::News;

use crate::error::EngineError;
use crate::event::Report;

/// Something that a stack in the foreground lets be heard.
#[derive(Debug)]
pub enum Heard {
    /// It printed this.
    Line(LogLine),
    /// This happened to a service.
    News(News),
    /// Nothing of it runs any more, or will by itself; whether something has failed.
    Over {
        /// Whether something has.
        failed: bool,
    },
    /// Somebody else has stopped it; nothing comes after that.
    Ended,
}

/// A stack that lives as long as somebody looks on.
pub trait Attendance {
    /// What was printed and what happened since; waits for something no longer than `limit`.
    fn next(&mut self, limit: Duration) -> Result<Vec<Heard>, EngineError>;

    /// Whether its end takes a while, so that people like to be told that it has begun.
    fn ends_slowly(&self) -> bool;

    /// Stops the services in their order; at once when `hurry` is set meanwhile. Returns what they printed last.
    fn stop(&mut self, hurry: &AtomicBool, news: &mut dyn FnMut(News)) -> Result<Vec<Heard>, EngineError>;

    /// Takes away whatever is left, however it went before.
    fn finish(self: Box<Self>, hurry: &AtomicBool, report: Report<'_>) -> Result<(), EngineError>;
}
