//! What services print, each line with its replica before it, as `docker compose logs` has it.

use std::collections::BTreeMap;

use backlot_logs::{LogLine, Stream, format_time};
use serde_json::{Value, json};

use crate::render;

/// The colours that replicas are told apart by.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "96"];
/// Names are filled up to this width; longer ones move their own lines only.
const WIDTH: usize = 8;

/// How a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// With its replica before it.
    Prefixed,
    /// As it is.
    Bare,
    /// As a JSON object.
    Object,
}

/// Prints lines of logs to stdout.
#[derive(Debug)]
pub struct LogPrinter {
    colour: bool,
    timestamps: bool,
    form: Form,
    colours: BTreeMap<String, &'static str>,
}

impl LogPrinter {
    /// A printer; `timestamps` are shown before each line if asked for.
    pub fn new(colour: bool, timestamps: bool) -> Self {
        Self { colour, timestamps, form: Form::Prefixed, colours: BTreeMap::new() }
    }

    /// The same without the replica's name.
    pub fn without_prefix(mut self) -> Self {
        self.form = Form::Bare;
        self
    }

    /// The same with each line as a JSON object.
    pub fn with_objects(mut self) -> Self {
        self.form = Form::Object;
        self
    }

    /// Prints a line.
    pub fn print(&mut self, line: &LogLine) {
        if self.form == Form::Object {
            return render::line(&in_json(line).to_string());
        }
        let mut text = String::new();
        if self.form == Form::Prefixed {
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

fn in_json(line: &LogLine) -> Value {
    json!({
        "time": format_time(line.time),
        "service": line.service,
        "replica": line.replica,
        "stream": match line.stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        },
        "text": line.text,
    })
}
