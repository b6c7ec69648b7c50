//! What an engine tells while it works.

use std::time::Duration;

use backlot_plan::Step;

/// Something worth telling the person who waits.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step is about to be carried out.
    Began {
        /// The step.
        step: &'a Step,
    },
    /// A step was carried out.
    Did {
        /// The step.
        step: &'a Step,
        /// What came of it (`PostgreSQL 15.18 on 127.0.0.1:23456`).
        outcome: String,
        /// Whether it is to be told as a failure: the scenario's file ran and failed.
        failed: bool,
        /// How long it took.
        took: Duration,
    },
    /// A line of a program that takes its time.
    Said(&'a str),
    /// Something that the person should know, though the work goes on.
    Warning(String),
}

/// Whom events are told.
pub type Report<'a> = &'a mut dyn FnMut(Event<'_>);
