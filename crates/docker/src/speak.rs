//! Lines of a program that takes its time: a person who waits for a pull or a build wants to see it go on.

use std::time::{Duration, Instant};

use backlot_process::Printed;
use backlot_state::{Event, Report};

/// How long a program may be silent to us.
const PATIENCE: Duration = Duration::from_secs(3);

/// Passes on what a program prints, once it has run for some seconds.
#[derive(Debug)]
pub(super) struct Speaker {
    since: Instant,
    told: [usize; 2],
}

impl Speaker {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), told: [0, 0] }
    }

    /// Passes on the lines that are new.
    pub(super) fn hear(&mut self, printed: Printed<'_>, report: Report<'_>) {
        if self.since.elapsed() < PATIENCE {
            return;
        }
        for (told, text) in self.told.iter_mut().zip([printed.stdout, printed.stderr]) {
            let new = &text[*told..];
            let Some(end) = new.iter().rposition(|byte| *byte == b'\n') else { continue };
            *told += end + 1;
            for line in String::from_utf8_lossy(&new[..end]).lines() {
                // A line that was drawn over by itself: its last state.
                let line = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
                if !line.trim().is_empty() {
                    report(Event::Said(line.trim_end()));
                }
            }
        }
    }
}
