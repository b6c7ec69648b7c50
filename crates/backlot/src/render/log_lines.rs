//! What services print, each line with its replica before it, as `docker compose logs` has it.

use std::collections::BTreeMap;

use backlot_logs::{LogLine, format_time};

use crate::render;

/// The colours that replicas are told apart by.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "96"];
/// Names are filled up to this width; longer ones move their own lines only.
const WIDTH: usize = 8;

/// Prints lines of logs to stdout.
#[derive(Debug)]
pub struct LogPrinter {
    colour: bool,
    timestamps: bool,
    prefix: bool,
    colours: BTreeMap<String, &'static str>,
}

impl LogPrinter {
    /// A printer; `timestamps` are shown before each line if asked for.
    pub fn new(colour: bool, timestamps: bool) -> Self {
        Self { colour, timestamps, prefix: true, colours: BTreeMap::new() }
    }

    /// The same without the replica's name.
    pub fn without_prefix(mut self) -> Self {
        self.prefix = false;
        self
    }

    /// Prints a line.
    pub fn print(&mut self, line: &LogLine) {
        let mut text = String::new();
        if self.prefix {
            let name = format!("{:<WIDTH$} |", line.replica);
            text += &self.paint(&line.service, &name);
            text.push(' ');
        }
        if self.timestamps {
            text += &format_time(line.time);
            text.push(' ');
        }
        render::line(&format!("{text}{}", line.text));
    }

    fn paint(&mut self, service: &str, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let next = COLOURS[self.colours.len() % COLOURS.len()];
        let colour = self.colours.entry(service.to_owned()).or_insert(next);
        format!("\x1b[{colour}m{text}\x1b[0m")
    }
}
