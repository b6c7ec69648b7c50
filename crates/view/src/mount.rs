//! What is asked for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// An empty file system in memory.
    Tmpfs {
        /// As many bytes as it may hold; half of the machine's memory if it is not set.
        size: Option<u64>,
        /// The permissions of its folder; open to all, as Docker has it, if they are not set.
        mode: Option<u32>,
    },
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
