//! What is asked for.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The permissions of a folder in which all may write, and nobody takes away what others have.
pub(crate) const OPEN_TO_ALL: u32 = 0o1777;

/// One thing that a service has at a path of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where the service has it.
    pub target: PathBuf,
    /// What it is.
    pub what: What,
    /// Whether writing there is refused.
    pub read_only: bool,
}

/// What a service has at a path of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A file or folder of this machine.
    Path(PathBuf),
    /// A folder of this machine for each process that is called by a name of its own, below this one: it begins empty and
    /// outlives the process. For what has no such name it is in memory.
    Kept(PathBuf),
    /// An empty file system in memory.
    Tmpfs {
        /// As many bytes as it may hold; half of the machine's memory if it is not set.
        size: Option<u64>,
        /// The permissions of its folder; open to all, as Docker has it, if they are not set.
        mode: Option<u32>,
    },
}

impl Mount {
    /// The same for the process that is called `name`.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn of(&self, name: &str) -> io::Result<Self> {
        let What::Kept(above) = &self.what else { return Ok(self.clone()) };
        let folder = above.join(name);
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(OPEN_TO_ALL))?;
        }
        Ok(Self { what: What::Path(folder), ..self.clone() })
    }
}

/// What a program takes its machine to be called; as this one is, where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// The name (64 bytes at most).
    pub host: Option<String>,
    /// The NIS domain, which has nothing to do with those of the internet (64 bytes at most).
    pub domain: Option<String>,
}

/// One of the machine's settings, as `sysctl` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

/// How much of a view this machine can give to a program, less before more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Nothing: programs see the machine as it is.
    None,
    /// Mounts of its own.
    Mounts,
    /// Mounts and addresses of its own.
    Whole,
}
