//! File locks that are waited for with a limit.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use backlot_process::wait_for;

/// Who else may have the lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Others who share it.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Opens a lock file, which is made when needed and never removed.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Locks the file; `false` if another process still has it at the limit.
pub(crate) fn acquire(file: &File, sharing: Sharing, limit: Duration) -> io::Result<bool> {
    let attempt = || match sharing {
        Sharing::Shared => file.try_lock_shared(),
        Sharing::Exclusive => file.try_lock(),
    };
    let locked = wait_for(limit, || match attempt() {
        Ok(()) => Some(Ok(())),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(Err(error)),
    });
    Ok(locked.transpose()?.is_some())
}
