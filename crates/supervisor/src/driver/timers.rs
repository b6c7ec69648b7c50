//! Time-outs, soonest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Instant;

use backlot_plan::supervise::Timer;

/// Timers that were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    set: BTreeMap<u64, Timer>,
    count: u64,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.count += 1;
        self.set.insert(self.count, timer);
        self.due.push(Reverse((at, self.count)));
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// One that is due by `now`.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Timer> {
        let Reverse((at, number)) = *self.due.peek()?;
        if at > now {
            return None;
        }
        self.due.pop();
        self.set.remove(&number)
    }
}
