//! What is to be done, as it is collected.

use super::action::{Action, Report};
use super::ids::Epoch;

/// What is to be done, and the counters that make its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    actions: Vec<Action>,
    epochs: u64,
    runs: u64,
}

impl Outbox {
    pub(super) fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn report(&mut self, report: Report) {
        self.actions.push(Action::Report(report));
    }

    pub(super) fn next_run(&mut self) -> u64 {
        self.runs += 1;
        self.runs
    }

    pub(super) fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch(self.epochs)
    }
}
