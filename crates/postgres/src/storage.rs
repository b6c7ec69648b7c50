//! Files and directories: errors that tell a full disk from a closed door.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use backlot_process::Owner;
use rustix::fs::statvfs;

/// Why a file or directory could not be used. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No space, or no quota, is left.
    #[error("write {}: {}", path.display(), lack)]
    Full {
        /// What was being written.
        path: PathBuf,
        /// What there was too little of then.
        lack: &'static str,
        /// What the system said, where it was said to us.
        source: Option<io::Error>,
    },
    /// The file system is mounted read-only.
    #[error("write {}: its file system is read-only", path.display())]
    ReadOnly {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The permissions do not allow it.
    #[error("{action} {}: permission denied", path.display())]
    Denied {
        /// What was being done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("{action} {}", path.display())]
    Other {
        /// What was being done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What there is too little of where `path` is.
fn lack(path: &Path, source: Option<&io::Error>) -> &'static str {
    if source.is_some_and(|source| source.kind() == io::ErrorKind::QuotaExceeded) {
        return "this account's share of the disk is used up";
    }
    // The file itself could perhaps not be made.
    let disk = path.ancestors().find_map(|path| statvfs(path).ok());
    match disk {
        Some(disk)
            if lacks_files(disk.f_files, disk.f_favail, disk.f_bavail.saturating_mul(disk.f_frsize)) =>
        {
            "the disk takes no more files, however small (it has no inodes left)"
        }
        Some(_) | None => "the disk is full",
    }
}

/// Whether a disk with so many inodes, and free ones, lacks those rather than space. Programs that fail take away what they have
/// made, so there may be some by now; a cluster has more than a thousand files, of some 40 MB.
fn lacks_files(all: u64, free: u64, free_bytes: u64) -> bool {
    const FILES: u64 = 2000;
    const BYTES: u64 = 64 << 20;
    all > 0 && (free == 0 || (free < FILES && free_bytes > BYTES))
}

impl StorageError {
    /// That `path` could not be written for want of space; looked into now, before anybody tidies up.
    pub fn full(path: PathBuf, source: Option<io::Error>) -> Self {
        let lack = lack(&path, source.as_ref());
        Self::Full { path, lack, source }
    }

    /// The error for doing `action` with `path`, by its kind.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::full(path, Some(source)),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, source },
            io::ErrorKind::PermissionDenied => Self::Denied { action, path, source },
            _ => Self::Other { action, path, source },
        }
    }

    /// For `map_err`: the error for doing `action` with `path`.
    pub fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::new(action, path, source)
    }
}

/// Makes a directory, and those above it, for `owner` alone.
pub fn make_private(dir: &Path, owner: &Owner) -> Result<(), StorageError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.and_then(|()| owner.take(dir)).map_err(StorageError::at("make", dir))
}

/// Removes a directory with all that is in it; it need not be there.
pub fn remove_tree(path: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::new("remove", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::StorageError;

    #[test]
    fn tells_a_full_disk_from_a_closed_door() {
        let cases = [
            (28, "write /x: the disk is full"),
            (
                rustix::io::Errno::DQUOT.raw_os_error(),
                "write /x: this account's share of the disk is used up",
            ),
            (30, "write /x: its file system is read-only"),
            (13, "make /x: permission denied"),
            (5, "make /x"),
        ];
        for (errno, expected) in cases {
            let error = StorageError::new("make", Path::new("/x"), io::Error::from_raw_os_error(errno));
            assert_eq!(error.to_string(), expected);
        }
    }
}
