//! All that is printed. stdout is data, stderr is progress; nothing is drawn twice.

mod failure;
mod live;
mod log_lines;
mod progress;
mod streams;
mod style;
mod table;
mod text;
mod yaml;

pub use failure::show_failure;
pub use live::{Showing, Task};
pub use log_lines::LogPrinter;
pub use progress::{Progress, Reporter};
pub use streams::{Streams, ascii, set_up};
pub use style::Style;
pub use table::Table;
pub use text::{ago, size, took};
pub use yaml::yaml;

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why data could not be printed, the first time that it could not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Set when the reader of stdout went away.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Prints data to stdout. A reader that went away (`| head`) is no error: what it wanted, it has. Others are kept for
/// [`lost`].
pub fn data(text: &str) {
    let write = || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
    };
    match live::write_above(write) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => UNREAD.store(true, Ordering::Relaxed),
        Err(error) => drop(LOST.set(error)), // the first one tells most
        Ok(()) => {}
    }
}

/// Whether the reader of stdout went away: it wants no more.
pub fn is_unread() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// The error by which data was lost (a full disk), if it was.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Prints the steps that would be carried out.
pub fn steps(steps: &[String], as_json: bool) {
    if as_json {
        return json(&steps.into());
    }
    for step in steps {
        line(step);
    }
}

/// Prints a line of data to stdout.
pub fn line(text: &str) {
    data(&format!("{text}\n"));
}

/// Prints names, one a line.
pub fn names(names: &[String], as_json: bool) {
    if as_json {
        return json(&names.into());
    }
    for name in names {
        line(name);
    }
}

/// Prints a value to stdout as JSON for people and programs: indented.
pub fn json(value: &serde_json::Value) {
    line(&format!("{value:#}"));
}

/// Prints a URL, and nothing else.
pub fn url(url: &str, as_json: bool) {
    if as_json { json(&serde_json::json!({ "url": url })) } else { line(url) }
}

/// Begins a line on stderr that somebody ends who types.
pub fn question(text: &str) {
    live::write_above(|| {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}", ascii(text)).and_then(|()| stderr.flush());
    });
}

/// Prints a line to stderr.
pub fn note(text: &str) {
    live::write_above(|| {
        let _ = writeln!(io::stderr().lock(), "{}", ascii(text));
    });
}
