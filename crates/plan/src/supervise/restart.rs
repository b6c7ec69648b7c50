//! Whether and when a process that ended is started again.

use std::time::Duration;

use crate::words::RestartPolicy;

/// The first pause before a restart; each further one is twice as long. Docker's values, here and below.
const SHORTEST: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST: Duration = Duration::from_mins(1);
/// Who has run for so long begins with the shortest pause again.
const STEADY: Duration = Duration::from_secs(10);
/// So many ends in a row of one that was ready before, which take 0.7 s of pauses, are told to those that wait; the
/// restarts go on.
const LOOP: u32 = 4;

/// The restarts of one replica.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Restarts {
    count: u32,
    in_a_row: u32,
}

impl Restarts {
    pub(super) fn count(self) -> u32 {
        self.count
    }

    pub(super) fn in_a_row(self) -> u32 {
        self.in_a_row
    }

    pub(super) fn loops(self) -> bool {
        self.in_a_row >= LOOP
    }

    /// Whether the policy wants another one.
    pub(super) fn wanted(self, policy: RestartPolicy, success: bool) -> bool {
        match policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure(max_retries) => {
                !success && max_retries.is_none_or(|most| self.count < most)
            }
        }
    }

    /// Counts one more, and tells how long to wait for it.
    pub(super) fn next_delay(&mut self, ran: Duration) -> Duration {
        if ran >= STEADY {
            self.in_a_row = 0;
        }
        let doublings = self.in_a_row.min(16);
        self.count = self.count.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        (SHORTEST * (1 << doublings)).min(LONGEST)
    }
}
