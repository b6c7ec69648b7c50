//! Progress on stderr: a line for each step that was carried out, with its time.

use backlot_engine::Event;
use backlot_supervisor::News;

use crate::render::{Style, note, took};

/// Shows events, as much as was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Colours or none.
    pub style: Style,
    /// Show nothing but warnings.
    pub quiet: bool,
    /// Show each step as it begins, too.
    pub verbose: bool,
}

impl Progress {
    /// Shows one event.
    pub fn show(self, event: Event<'_>) {
        match event {
            Event::Began { step } if self.verbose && !self.quiet => {
                note(&format!("  {} {step}", self.style.faint("·")));
            }
            Event::Did { step, outcome, failed, took: time } if !self.quiet => {
                let mark = if failed { self.style.bad("✗") } else { self.style.good("✓") };
                let time = self.style.faint(took(time));
                note(&format!("  {mark} {:<9} {outcome}  {time}", step.heading()));
            }
            Event::Said(line) if !self.quiet => note(&format!("    {}", self.style.faint(line))),
            Event::Warning(text) => note(&format!("  {} {text}", self.style.warning("⚠"))),
            Event::Began { .. } | Event::Did { .. } | Event::Said(_) => {}
        }
    }

    /// Something that happened to a service.
    pub fn news(self, news: &News) {
        if self.quiet && !news.bad {
            return;
        }
        let mark = if news.bad { self.style.bad("✗") } else { self.style.good("✓") };
        let who = news.replica.as_deref().unwrap_or(&news.service);
        note(&format!("  {mark} {who:<9} {}", news.text));
    }

    /// A line of its own, such as a heading.
    pub fn say(self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }
}
