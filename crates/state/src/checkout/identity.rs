//! By what a checkout is known again that was moved: its directory, which keeps its number and the time at which it was made,
//! and what git has of it, which stays where a worktree is moved to another file system. A copy has neither.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Checkout;

/// By what a checkout is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its top directory.
    tree: Stamp,
    /// Git's own directory of it.
    git: Option<Stamp>,
}

/// By what a directory is known. Numbers are used again, so the time counts, too; those of devices change when a machine is
/// started anew, so they count only where a file system has no such time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Stamp {
    inode: u64,
    device: u64,
    /// In nanoseconds since 1970.
    born: Option<u64>,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        let same = match (self.born, other.born) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => self.device == other.device,
        };
        same && self.inode == other.inode
    }
}

impl Eq for Stamp {}

impl Identity {
    pub(super) fn of(checkout: &Checkout) -> Option<Self> {
        let top = checkout.git.as_ref().map_or(checkout.root.as_path(), |git| &git.top);
        let git = checkout.git.as_ref().filter(|git| !git.is_copy()).and_then(|git| Stamp::of(&git.own));
        Some(Self { tree: Stamp::of(top)?, git })
    }

    /// Whether both are the same checkout.
    pub fn is(&self, other: &Self) -> bool {
        self.tree == other.tree || (self.git.is_some() && self.git == other.git)
    }
}

impl Stamp {
    fn of(dir: &Path) -> Option<Self> {
        let metadata = dir.metadata().ok()?;
        let born = born(&metadata);
        Some(Self { inode: metadata.ino(), device: metadata.dev(), born })
    }
}

fn born(metadata: &Metadata) -> Option<u64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}
