//! How long nobody listens at the ports of a program before that is told: one that installs, builds or migrates first is on its way.

use std::time::{Duration, Instant};

use backlot_process::processor_time_of;

/// The part of its time for which a program has to have a processor to be at work.
const AT_WORK: u32 = 20;

/// The silence of a program.
#[derive(Debug)]
pub(crate) struct Silence {
    pid: i32,
    begun: Instant,
    /// How long it is waited for at a time.
    each: Duration,
    /// For how long that is gone on with while it is at work.
    most: Duration,
    /// How long it is waited for.
    limit: Duration,
    /// The processor time that it had had in the middle of the last time.
    before: Option<Duration>,
}

impl Silence {
    /// That of a program that has just been started.
    pub(crate) fn new(pid: i32, each: Duration, most: Duration) -> Self {
        Self { pid, begun: Instant::now(), each, most, limit: each, before: None }
    }

    /// How long it has been silent, when nobody need wait any longer; one that listens elsewhere is on its way nowhere.
    pub(crate) fn is_over(&mut self, listens: bool) -> Option<Duration> {
        let waited = self.begun.elapsed();
        if self.before.is_none() && waited + self.each / 2 > self.limit {
            self.before = Some(self.processor_time());
        }
        if waited <= self.limit {
            return None;
        }
        let used = self.processor_time().saturating_sub(self.before.take().unwrap_or_default());
        if !listens && self.limit < self.most && used > self.each / 2 / AT_WORK {
            self.limit += self.each;
            return None;
        }
        Some(self.limit)
    }

    /// How long it is waited for yet.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    fn processor_time(&self) -> Duration {
        if self.limit < self.most { processor_time_of(self.pid) } else { Duration::ZERO }
    }
}
