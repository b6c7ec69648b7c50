//! Colours, where they are wanted.

use std::fmt::Display;

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// A style that paints when `colour` says so.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// Something that went well.
    pub fn good(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// Something to look at.
    pub fn warning(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    /// Something that failed.
    pub fn bad(self, text: impl Display) -> String {
        self.paint("1;31", text)
    }

    /// Something that matters less.
    pub fn faint(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// How something does: `word` says it, of which `shown` is what is shown.
    pub fn state(self, word: &str, shown: &str) -> String {
        match word {
            "running" | "healthy" => self.good(shown),
            "waiting" | "starting" | "restarting" | "draining" | "stopping" | "busy" => self.warning(shown),
            "failed" | "unhealthy" | "blocked" | "damaged" | "half-made" | "unreachable" | "left over"
            | "orphan" => self.bad(shown),
            _ => shown.to_owned(),
        }
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
