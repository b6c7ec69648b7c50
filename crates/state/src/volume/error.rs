//! Why a volume cannot be used.

use std::path::PathBuf;

use backlot_hint::{Explain, Hint, quoted};
use backlot_plan::Volume;

use crate::error::EngineError;

/// A volume that cannot be used as it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// An external volume that nobody has made.
    #[error("there is no volume {name}, which is external to the project: service {service} uses it")]
    Missing {
        /// Its name.
        name: String,
        /// The service.
        service: String,
    },
    /// There is none of that name.
    #[error("there is no volume {name}")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// It is there already, and a name cannot mean two.
    #[error("{name:?} is no name for a volume: letters, digits, `_`, `.` and `-`, a letter or digit first")]
    Name {
        /// The name.
        name: String,
    },
    /// Something works in it.
    #[error("volume {name} is in use (process {pid} works in {})", path.display())]
    InUse {
        /// Its name.
        name: String,
        /// A process.
        pid: i32,
        /// Its content.
        path: PathBuf,
    },
    /// There are files where a cluster is to be made.
    #[error("{} holds files and no Postgres cluster: nothing is made there", path.display())]
    NotEmpty {
        /// The data directory.
        path: PathBuf,
    },
    /// There is another cluster in it than the one that would be made.
    #[error("{volume} holds a cluster of PostgreSQL {major} in {}, and another would be made in {}", found.display(), wanted.display())]
    OtherCluster {
        /// What the volume is.
        volume: Volume,
        /// The cluster that is there.
        found: PathBuf,
        /// Its major version.
        major: String,
        /// The one that would be made.
        wanted: PathBuf,
    },
    /// Data of an earlier version is where it is not looked for any more.
    #[error("an earlier version of Backlot has kept this data in {}, and {volume} would be a new database", old.display())]
    Moved {
        /// What the volume is.
        volume: Volume,
        /// Where the data is.
        old: PathBuf,
        /// Where it belongs.
        new: PathBuf,
    },
}

impl VolumeError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Unknown { .. } => "no-volume",
            Self::Name { .. } => "volume-name",
            Self::InUse { .. } => "volume-in-use",
            Self::NotEmpty { .. } | Self::OtherCluster { .. } => "not-our-data",
            Self::Moved { .. } => "data-moved",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Hint {
        match self {
            Self::Missing { name, .. } => {
                Hint::from("make it: ").then(Hint::anywhere(&["volume", "create", name]))
            }
            Self::Unknown { .. } => Hint::anywhere(&["volume", "ls"]).then(" shows those that there are"),
            Self::Name { .. } => "choose another name".into(),
            Self::InUse { .. } => "take down what uses it first".into(),
            Self::NotEmpty { path } => {
                format!("mount an empty folder, or move away what is in {}", path.display()).into()
            }
            Self::OtherCluster { volume, found, .. } => {
                let found = found.display();
                let hint: Hint =
                    format!("mount the volume so that {found} is the data directory, or move that away")
                        .into();
                match volume {
                    Volume::Own(name) | Volume::Shared(name) => hint
                        .then("; or take it over to the version that is asked for: ")
                        .then(Hint::command(&["postgres", "upgrade", name])),
                    Volume::Folder(_) => hint,
                }
            }
            Self::Moved { old, new, .. } => {
                let (old, new) = (quoted(old), quoted(new));
                format!("to go on with it: mkdir -p {new} && mv {old}/* {new}/; or remove {old}").into()
            }
        }
    }
}

impl Explain for VolumeError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        Some(Self::hint(self))
    }
}

impl From<VolumeError> for EngineError {
    fn from(error: VolumeError) -> Self {
        Self::of(error)
    }
}
