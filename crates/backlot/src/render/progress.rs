//! Progress on stderr: a line for each step that was carried out, with its time.

use std::time::{Duration, Instant};

use backlot_engine::Event;
use backlot_supervisor::News;

use crate::render::live::{Showing, Task};
use crate::render::{Style, note, took};

/// The steps in which programs print on our terminal themselves, where nothing may be drawn meanwhile.
const PRINT_THEMSELVES: [&str; 2] = ["scenario", "migrated"];

/// Shows events, as much as was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Colours or none.
    pub style: Style,
    /// Show nothing but warnings.
    pub quiet: bool,
    /// Show each step as it begins, too.
    pub verbose: bool,
    /// How what takes long is shown.
    pub showing: Showing,
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
            Event::Began { .. } | Event::Did { .. } | Event::Said(_) | Event::HowFar(_) => {}
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

    /// Something that was done with a service.
    pub fn did(self, service: &str, what: &str, time: Duration) {
        if !self.quiet {
            note(&format!(
                "  {} {service:<9} {what}  {}",
                self.style.good("✓"),
                self.style.faint(took(time))
            ));
        }
    }

    /// A line of its own, such as a heading.
    pub fn say(self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }

    /// The same while a program of others prints on our terminal, where nothing may be drawn.
    pub fn beside_others(self) -> Self {
        let showing = match self.showing {
            Showing::Nothing => Showing::Nothing,
            Showing::Lines | Showing::Redrawn => Showing::Lines,
        };
        Self { showing, ..self }
    }

    /// Shows that something is under way, until that is dropped.
    pub fn task(self, name: &str, what: impl Into<String>) -> Task {
        Task::begin(name, what.into(), Instant::now(), self.showing, self.style)
    }
}

/// Shows events as they come, and what is under way between them.
#[derive(Debug)]
pub struct Reporter {
    progress: Progress,
    /// The steps that have begun, the last one within the others.
    under_way: Vec<Task>,
}

impl Reporter {
    /// One that shows as much as `progress`.
    pub fn new(progress: Progress) -> Self {
        Self { progress, under_way: Vec::new() }
    }

    /// Shows one event.
    pub fn hear(&mut self, event: Event<'_>) {
        match &event {
            Event::Began { step } => {
                let name = step.heading();
                let is_theirs = PRINT_THEMSELVES.contains(&name);
                let progress = if is_theirs { self.progress.beside_others() } else { self.progress };
                self.under_way.push(progress.task(name, step.to_string()));
            }
            Event::Did { .. } => drop(self.under_way.pop()),
            Event::HowFar(how_far) => {
                if let Some(task) = self.under_way.last() {
                    task.ask(how_far.clone());
                }
            }
            Event::Said(_) | Event::Warning(_) => {}
        }
        self.progress.show(event);
    }
}
