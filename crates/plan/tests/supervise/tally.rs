//! What schedules reach: a test that never gets to a state says nothing of it.

use backlot_plan::supervise::{Action, Report};

use crate::facts::Kind;

const NAMES: [&str; 35] = [
    "spawn",
    "check",
    "add to gateway",
    "remove from gateway",
    "drain",
    "signal",
    "kill",
    "kill again",
    "healthy",
    "unhealthy",
    "restarting",
    "completed",
    "failed",
    "blocked",
    "gone",
    "unkillable",
    "rollout done",
    "rollout aborted",
    "waiting",
    "is blocked",
    "spawning",
    "starting",
    "is healthy",
    "is unhealthy",
    "backing off",
    "draining",
    "stopping",
    "killing",
    "is completed",
    "is failed",
    "crash loop",
    "a stack adopted in a rollout",
    "judged anew while ready",
    "gone while it runs",
    "back while it still runs",
];

/// What one schedule reached.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reached(u64);

impl Reached {
    fn note(&mut self, what: usize) {
        self.0 |= 1 << what;
    }

    pub(crate) fn action(&mut self, action: &Action) {
        self.note(match action {
            Action::Spawn { .. } => 0,
            Action::CheckHealth { .. } => 1,
            Action::AddToGateway(_) => 2,
            Action::RemoveFromGateway(_) => 3,
            Action::Drain { .. } => 4,
            Action::Signal { .. } => 5,
            Action::Kill(_) => 6,
            Action::SetTimer { .. } => return,
            Action::Report(report) => match report {
                Report::Healthy(_) => 8,
                Report::Unhealthy { .. } => 9,
                Report::Restarting { .. } => 10,
                Report::Completed(_) => 11,
                Report::Failed { .. } => 12,
                Report::Blocked { .. } => 13,
                Report::Gone(_) => 14,
                Report::Unkillable(_) => 15,
                Report::RolloutDone(_) => 16,
                Report::RolloutAborted { .. } => 17,
            },
        });
    }

    pub(crate) fn kill_again(&mut self) {
        self.note(7);
    }

    pub(crate) fn crash_loop(&mut self) {
        self.note(30);
    }

    pub(crate) fn adopted_in_a_rollout(&mut self) {
        self.note(31);
    }

    pub(crate) fn judged_anew(&mut self) {
        self.note(32);
    }

    pub(crate) fn gone_while_it_runs(&mut self) {
        self.note(33);
    }

    pub(crate) fn back_while_it_runs(&mut self) {
        self.note(34);
    }

    pub(crate) fn kind(&mut self, kind: Kind) {
        self.note(18 + kind as usize);
    }
}

/// How many schedules reached each.
pub(crate) struct Tally([u64; NAMES.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; NAMES.len()])
    }
}

impl Tally {
    pub(crate) fn add(&mut self, reached: Reached) {
        for (at, count) in self.0.iter_mut().enumerate() {
            *count += reached.0 >> at & 1;
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    pub(crate) fn rarest(&self) -> (&'static str, u64) {
        NAMES.into_iter().zip(self.0).min_by_key(|(_, count)| *count).unwrap()
    }
}
