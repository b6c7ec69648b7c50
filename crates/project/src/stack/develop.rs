//! `develop.watch` of a service: what is done when files change; and commands beside its own, which that has, too.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is done when files at a path change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRule {
    /// The file or folder, absolute.
    pub path: PathBuf,
    /// What is done.
    pub action: WatchAction,
    /// Where the container has the path; the file may leave it out where nothing is synchronized.
    pub target: Option<String>,
    /// What does not count, as in `.dockerignore`.
    pub ignore: Vec<String>,
    /// All that counts, in the same words; empty: everything.
    pub include: Vec<String>,
    /// Whether what is there is synchronized when it begins.
    pub initial_sync: bool,
    /// What is run after files were synchronized.
    pub exec: Option<Hook>,
}

/// What a [`WatchRule`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchAction {
    /// The image is built anew, and its containers replaced.
    Rebuild,
    /// Files are copied into the container.
    Sync,
    /// The container is restarted.
    Restart,
    /// Files are copied, and the container is restarted.
    SyncRestart,
    /// Files are copied, and a command is run.
    SyncExec,
}

impl WatchAction {
    /// Whether it copies files.
    pub fn syncs(self) -> bool {
        match self {
            Self::Sync | Self::SyncRestart | Self::SyncExec => true,
            Self::Rebuild | Self::Restart => false,
        }
    }
}

/// A command that runs in a service beside its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The command, split into words.
    pub command: Vec<String>,
    /// The user in the container.
    pub user: Option<String>,
    /// Whether it may do everything.
    pub privileged: bool,
    /// Variables beside those of the service.
    pub environment: BTreeMap<String, Option<String>>,
    /// The directory in the container, where it is not the service's.
    pub working_dir: Option<String>,
}
