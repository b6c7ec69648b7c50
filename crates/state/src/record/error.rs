//! What can be wrong with a state file.

use std::io;
use std::path::PathBuf;

use backlot_hint::Hint;

use super::file::VERSION;

/// A record that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file is there and cannot be read.
    #[error("cannot read the state file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no record.
    #[error("the state file {} is damaged (line {}, column {})", path.display(), source.line(), source.column())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file was written by a newer Backlot.
    #[error("the state file {} was written by a newer version of Backlot (format {version}, this one knows {VERSION})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The file cannot be written.
    #[error("cannot write the state file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RecordError {
    /// The way out for the environment that the record is about.
    pub fn hint(&self, environment: &str) -> Hint {
        match self {
            Self::Newer { .. } => "use the newer Backlot, or remove the environment with it".into(),
            Self::Read { .. } | Self::Damaged { .. } | Self::Write { .. } => {
                Hint::from("remove what is left of it: ").then(Hint::down(environment))
            }
        }
    }
}
