//! What an engine tells while it works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backlot_plan::Told;

use crate::error::EngineError;

/// Something worth telling the person who waits.
pub enum Event<'a> {
    /// A step is about to be carried out.
    Began {
        /// The step.
        step: &'a dyn Told,
    },
    /// A step was carried out.
    Did {
        /// The step.
        step: &'a dyn Told,
        /// What came of it (`PostgreSQL 15.18 on 127.0.0.1:23456`).
        outcome: String,
        /// Whether it is to be told as a failure: the scenario's file ran and failed.
        failed: bool,
        /// How long it took.
        took: Duration,
    },
    /// A line of a program that takes its time.
    Said(&'a str),
    /// How far the step has come can be asked while it goes on.
    HowFar(HowFar),
    /// Something that the person should know, though the work goes on.
    Warning(String),
}

/// Tells in words how far a step has come (`12.4 MiB`), where that is known; asked by another thread.
pub type HowFar = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Whom events are told.
pub type Report<'a> = &'a mut dyn FnMut(Event<'_>);

/// What came of a step.
pub struct Outcome {
    /// In words: `PostgreSQL 15.18 on 127.0.0.1:23456`.
    pub text: String,
    /// Whether it is to be told as a failure.
    pub failed: bool,
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Self { text, failed: false }
    }
}

/// Carries a step out, and tells of it.
pub fn tell<T: Into<Outcome>>(
    step: &dyn Told,
    report: Report<'_>,
    carry_out: impl FnOnce(Report<'_>) -> Result<T, EngineError>,
) -> Result<(), EngineError> {
    report(Event::Began { step });
    let start = Instant::now();
    let Outcome { text, failed } = carry_out(report)?.into();
    report(Event::Did { step, outcome: text, failed, took: start.elapsed() });
    Ok(())
}
