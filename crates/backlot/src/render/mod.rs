//! All that is printed. stdout is data, stderr is progress; nothing is drawn twice.

mod failure;
mod progress;
mod style;
mod table;
mod text;

pub use failure::show_failure;
pub use progress::Progress;
pub use style::Style;
pub use table::Table;
pub use text::{ago, size, took};

use std::io::Write;

/// Prints data to stdout. A reader that went away (`| head`) is no error: what it wanted, it has.
pub fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// Prints a line of data to stdout.
pub fn line(text: &str) {
    data(&format!("{text}\n"));
}

/// Prints a value to stdout as JSON for people and programs: indented.
pub fn json(value: &serde_json::Value) {
    line(&format!("{value:#}"));
}

/// Prints a line to stderr.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
