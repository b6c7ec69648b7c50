//! Why there is no snapshot.

use std::path::PathBuf;

use backlot_hint::{Explain, Hint};
use backlot_postgres::{DatabaseError, InitError, StorageError};
use backlot_process::ProcessError;

/// Why a cluster could not be copied, kept or found.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file or directory cannot be used.
    #[error("failed to {0}")]
    Storage(#[from] StorageError),
    /// The server does not do what a copy takes.
    #[error("cannot copy the database while it runs")]
    Server(#[source] DatabaseError),
    /// Nobody would have it go on if we were killed.
    #[error("cannot copy the database while it runs")]
    Thaw(#[source] ProcessError),
    /// It does not stand still.
    #[error("cannot copy the database while it runs: its processes do not halt")]
    Restless,
    /// Its log went on faster than it was copied.
    #[error("cannot copy the database while it runs: {segment} of its log was gone before it was copied")]
    Behind {
        /// The segment.
        segment: String,
    },
    /// Data outside of the data directory.
    #[error("{} has tablespaces, which are not copied", data.display())]
    Tablespaces {
        /// The data directory.
        data: PathBuf,
    },
    /// No server starts on the copy.
    #[error("the copy was thrown away: no server starts on it")]
    Unusable(#[source] InitError),
    /// One of that name is there.
    #[error("there is a snapshot {name} already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// None of that name is there.
    #[error("there is no snapshot {name}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// No snapshot can be called so.
    #[error("{name:?} is no name for a snapshot")]
    Name {
        /// The name.
        name: String,
    },
    /// What is told of one cannot be read.
    #[error("the snapshot {name} is not usable: {why}")]
    Damaged {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// Somebody reads it.
    #[error("the snapshot {name} is being read by another backlot, or removed")]
    InUse {
        /// Its name.
        name: String,
    },
    /// Somebody else saves one.
    #[error("another backlot saves or removes a snapshot of this project")]
    Busy,
}

impl Explain for SnapshotError {
    fn code(&self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Unusable(_)
            | Self::Thaw(_)
            | Self::Server(_)
            | Self::Restless
            | Self::Behind { .. }
            | Self::Tablespaces { .. } => "cannot-copy",
            Self::Exists { .. } => "snapshot-exists",
            Self::Unknown { .. } => "no-snapshot",
            Self::Name { .. } => "bad-name",
            Self::Damaged { .. } => "snapshot-damaged",
            Self::InUse { .. } | Self::Busy => "busy",
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::Storage(_) | Self::Server(_) | Self::Thaw(_) | Self::Unusable(_) => return None,
            Self::Restless | Self::Behind { .. } => {
                "try again when it has less to do, or stop it first".into()
            }
            Self::Tablespaces { .. } => "dump it (pg_dump)".into(),
            Self::Exists { name } => {
                Hint::from("remove it first: ").then(Hint::command(&["snapshot", "rm", name]))
            }
            Self::Unknown { known, .. } if known.is_empty() => Hint::from("there is none; ")
                .then(Hint::command(&["snapshot", "save", "NAME"]))
                .then(" makes one"),
            Self::Unknown { known, .. } => format!("there are {}", known.join(", ")).into(),
            Self::Name { .. } => "up to 100 letters of ASCII, digits, '-', '_' and '.', a letter or digit first; before-restore-… are those that a restore makes".into(),
            Self::Damaged { name, .. } => {
                Hint::from("remove it: ").then(Hint::command(&["snapshot", "rm", name]))
            }
            Self::InUse { .. } | Self::Busy => "try again in a moment".into(),
        })
    }
}
