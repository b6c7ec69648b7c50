//! What the project's files ask for.

use std::fmt;
use std::path::{Path, PathBuf};

/// An environment as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The Compose service that is the database.
    pub service: String,
    /// Where its data lives.
    pub storage: Storage,
    /// The port that it listens on.
    pub port: Port,
    /// Databases that exist from the start.
    pub databases: Vec<String>,
    /// What brings its schema to what the code expects, as it is shown to people; none where nothing does.
    pub migrate: Option<String>,
    /// The programs that have to be fetched before a server can be started, as people know them.
    pub missing: Vec<String>,
    /// What fills the database once, as it is shown to people (`scenarios/users.py`); none leaves it empty.
    pub fill: Option<String>,
}

/// Where a cluster's data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// Gone with the environment.
    Throwaway,
    /// In something that outlives the environment.
    Durable {
        /// What that is.
        volume: Volume,
        /// Where in it the data directory is; empty when it is the whole of it.
        below: PathBuf,
    },
}

impl Storage {
    /// What the data is in, if that outlives the environment.
    pub fn volume(&self) -> Option<&Volume> {
        match self {
            Self::Throwaway => None,
            Self::Durable { volume, .. } => Some(volume),
        }
    }

    /// Where in its volume the data directory is.
    pub fn below(&self) -> Option<&Path> {
        match self {
            Self::Throwaway => None,
            Self::Durable { below, .. } => Some(below),
        }
    }
}

/// What outlives an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// The environment's own volume of this name, which goes when it is told to go with its volumes.
    Own(String),
    /// The volume of this name that all projects share.
    Shared(String),
    /// A folder of the user's, which is never removed.
    Folder(PathBuf),
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) | Self::Shared(name) => write!(f, "volume {name}"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The port that a server is to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// What the project's files publish: this one or an error.
    Exact(u16),
    /// Any free one; the same again for the same environment where it can be had.
    Free,
}
