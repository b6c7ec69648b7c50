//! Finding the programs of Postgres on this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::version::Version;

/// The oldest major version that can be used.
pub const OLDEST_MAJOR: u32 = 12;

/// The programs of one version of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder of `postgres` and `initdb`, without symbolic links.
    pub bin_dir: PathBuf,
    /// Their version.
    pub version: Version,
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct SearchPlaces {
    /// The folder that was named (`x-backlot.bin`); then nothing else is looked at.
    pub explicit: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// Folders that hold one folder a version; [`SearchPlaces::default_roots`].
    pub roots: Vec<PathBuf>,
}

/// Why no Postgres can be used. The messages fit after "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// None is there.
    #[error("find Postgres on this machine")]
    Nothing,
}

impl SearchPlaces {
    /// Where packages put Postgres on this kind of system.
    pub fn default_roots() -> Vec<PathBuf> {
        todo!()
    }
}

impl Installation {
    /// All that can be found, the newest first, each once.
    pub fn find_all(_places: &SearchPlaces) -> Vec<Self> {
        todo!()
    }

    /// The newest one of the wanted major version; of any, if none is wanted.
    pub fn choose(_found: &[Self], _wanted_major: Option<u32>) -> Result<Self, LocateError> {
        todo!()
    }

    /// The path of one of its programs (`psql`, `pg_dump`).
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}
