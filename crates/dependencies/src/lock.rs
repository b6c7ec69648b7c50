//! One at a time makes an environment.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::DependencyError;

/// How long somebody else may take: longer than what a tool may.
const LIMIT: Duration = Duration::from_mins(45);
/// How often it is tried.
const STEP: Duration = Duration::from_millis(50);
/// When it is said that somebody else is waited for.
const SOON: Duration = Duration::from_secs(1);

/// Waits for the lock at `path`, whose file is never removed. It ends with the process that holds it.
pub(crate) fn acquire(
    path: &Path,
    interrupted: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> Result<File, DependencyError> {
    let file = open(path).map_err(DependencyError::io("open", path))?;
    let (start, mut is_said) = (Instant::now(), false);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(DependencyError::io("lock", path)(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        if interrupted.load(Ordering::Relaxed) {
            return Err(DependencyError::Interrupted);
        }
        let waited = start.elapsed();
        if waited > LIMIT {
            return Err(DependencyError::Busy { path: path.to_owned(), waited });
        }
        if waited > SOON && !is_said {
            say("another backlot installs the same; waiting for it");
            is_said = true;
        }
        std::thread::sleep(STEP);
    }
}

/// The lock at `path`, if nobody has it.
pub(crate) fn free(path: &Path) -> Option<File> {
    let file = open(path).ok()?;
    file.try_lock().ok().map(|()| file)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
