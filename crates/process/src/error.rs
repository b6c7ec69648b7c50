//! What can go wrong when a program is run.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exit::describe_exit;
use crate::flaw::Flaw;

/// What is wrong with the file, since the system's word on it ("not found") may be about something else.
fn flaw(program: &Path) -> String {
    Flaw::of(program).map(|flaw| format!(", which {flaw}")).unwrap_or_default()
}

/// Why a program could not be started, or did not end as it should have. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program does not exist, is not executable, or the system refused another process.
    #[error("start {}{}", program.display(), flaw(program))]
    Start {
        /// The program as it was named.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name, argument or variable holds a NUL byte, which no program can be given.
    #[error("start {}: an argument or variable holds a NUL byte", program.display())]
    NulByte {
        /// The program as it was named.
        program: PathBuf,
    },
    /// A view is the caller's own, and the program was to run as somebody else.
    #[error("start {} as `{account}`: with paths of its own it runs as the caller only", program.display())]
    ViewOfAnother {
        /// The program as it was named.
        program: PathBuf,
        /// The other account.
        account: String,
    },
    /// It was not started, because we were asked to stop before.
    #[error("start {}: interrupted before", program.display())]
    AskedToStop {
        /// The program as it was named.
        program: PathBuf,
    },
    /// It was still running at the limit and has been killed, with everything that it had started.
    #[error("finish {} within {}{}", program.display(), seconds(*limit), tail(last_lines))]
    TimedOut {
        /// The program as it was named.
        program: PathBuf,
        /// How long it was given.
        limit: Duration,
        /// The end of what it printed, stderr if there was any.
        last_lines: Vec<String>,
    },
    /// It ended with a code other than 0, or by a signal.
    #[error("run {}: it ended with {}{}", program.display(), describe_exit(*status), tail(last_lines))]
    Failed {
        /// The program as it was named.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it printed, stderr if there was any.
        last_lines: Vec<String>,
    },
    /// Waiting for it, or reading what it prints, failed.
    #[error("wait for {}", program.display())]
    Wait {
        /// The program as it was named.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// `1.5 s`: short enough for a message.
fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!("; its last output was:\n{}", lines.join("\n")) }
}

/// The causes of an error, without those that only repeat what the one above them says.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let text = cause.to_string();
        if !said.contains(&text) {
            causes.push(text.clone());
            said = text;
        }
    }
    causes
}

/// An error with all its causes, in one line.
pub fn in_full(error: &dyn std::error::Error) -> String {
    std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>().join(": ")
}
