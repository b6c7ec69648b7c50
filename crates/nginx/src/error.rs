//! What can be wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read nginx's configuration {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not of nginx's grammar.
    #[error("{at}: {what}")]
    Syntax {
        /// Where.
        at: Place,
        /// What is wrong.
        what: &'static str,
    },
    /// An `include` leads to nothing.
    #[error("{at}: there is no {path} to include, neither mounted nor among the files that come with nginx")]
    Include {
        /// Where.
        at: Place,
        /// What was to be included.
        path: String,
    },
    /// Files include each other without end.
    #[error("{at}: files include each other in a circle")]
    Circle {
        /// Where.
        at: Place,
    },
    /// A host is no service.
    #[error("{at}: {host} is no service of the stack (it has {})", known.join(", "))]
    UnknownService {
        /// Where.
        at: Place,
        /// The host.
        host: String,
        /// The services.
        known: Vec<String>,
    },
    /// nginx itself does not take it.
    #[error("nginx does not take its configuration: {message}")]
    Refused {
        /// What nginx said, with the place in the original file.
        message: String,
    },
    /// nginx cannot be run.
    #[error("cannot try nginx's configuration")]
    Run(#[source] backlot_process::ProcessError),
    /// The rewritten file cannot be written.
    #[error("cannot write {}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ConfigError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Include { .. } => {
                Some("mount it into the container, natively it is taken from there".into())
            }
            Self::Refused { message } if message.contains("unknown directive \"stream\"") => {
                Some("this machine's nginx has no stream module: apt-get install libnginx-mod-stream (Debian, Ubuntu)".into())
            }
            Self::UnknownService { .. } => Some("use a service's name as host, or a full address".into()),
            Self::Read { .. }
            | Self::Syntax { .. }
            | Self::Circle { .. }
            | Self::Refused { .. }
            | Self::Run(_)
            | Self::Write { .. } => None,
        }
    }
}
