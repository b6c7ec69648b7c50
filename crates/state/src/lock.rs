//! Ownership is a held file lock, never a pid in a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file lock that is held until it is dropped, or until the last process that inherited it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

/// A lock that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it, and went on holding it for as long as we would wait.
    #[error("{} is held by another process{} after {} ms", path.display(), holder.as_deref().map(|pid| format!(" (pid {pid})")).unwrap_or_default(), waited.as_millis())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote into it.
        holder: Option<String>,
        /// How long we waited.
        waited: Duration,
    },
    /// The lock file could not be used.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Waits for the lock, at most `limit`.
    ///
    /// A lock file can be removed by its holder (its directory goes with the environment), so a lock only counts when
    /// the path still leads to the locked file; otherwise it is tried anew on the file that is there now.
    ///
    /// # Errors
    /// [`LockError::Held`] past the limit; [`LockError::Io`] when the file cannot be opened or locked.
    pub fn acquire(path: &Path, limit: Duration) -> Result<Self, LockError> {
        let start = Instant::now();
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        loop {
            let mut file = open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_still_at(&file, path) => {
                    sign(&mut file).map_err(failed)?;
                    return Ok(Self { file, path: path.to_owned() });
                }
                Ok(()) => continue,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let waited = start.elapsed();
            if waited >= limit {
                return Err(LockError::Held { path: path.to_owned(), holder: holder(&mut file), waited });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether somebody holds the lock at `path`. A lock file that is not there is held by nobody.
    pub fn is_held(path: &Path) -> Result<bool, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let file = match backlot_files::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        // Shared, so that two observers do not take each other for the owner.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// A lock that was handed to us by the process that had it.
    ///
    /// # Errors
    /// [`LockError::Io`] when we were handed nothing, or cannot write into it who has it now.
    pub fn handed(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut file = backlot_process::handed_file().map_err(failed)?;
        sign(&mut file).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Whether the path still leads to the locked file.
    pub fn counts(&self) -> bool {
        is_still_at(&self.file, &self.path)
    }

    /// The locked file, for a process that is to inherit the lock.
    pub fn share(&self) -> Result<File, LockError> {
        self.file.try_clone().map_err(|source| LockError::Io { path: self.path.clone(), source })
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Writes our pid into the file: for people who wonder who holds it, nothing is decided by it. It is written over what is there:
/// to empty a file first takes some milliseconds on ext4.
fn sign(file: &mut File) -> io::Result<()> {
    let text = std::process::id().to_string();
    let length = text.len() as u64;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
}

/// What the holder of the lock at `path` wrote into it.
pub fn holder_at(path: &Path) -> Option<String> {
    holder(&mut backlot_files::open(path).ok()?)
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Whether `path` leads to `file`.
pub fn is_still_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use super::{Lock, LockError};
    use std::time::Duration;

    /// Another test may just be starting a program, which has all our files until it becomes that program.
    fn is_soon_free(path: &std::path::Path) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !Lock::is_held(path).unwrap()
        })
    }

    #[test]
    fn a_held_lock_is_seen_and_refused_and_free_again_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!Lock::is_held(&path).unwrap());
        let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(Lock::is_held(&path).unwrap());
        let refused = Lock::acquire(&path, Duration::from_millis(20)).unwrap_err();
        let LockError::Held { holder, .. } = refused else { panic!("{refused}") };
        assert_eq!(holder, Some(std::process::id().to_string()));
        drop(lock);
        assert!(is_soon_free(&path));
    }

    #[test]
    fn a_lock_on_a_removed_file_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let old = Lock::acquire(&path, Duration::ZERO).unwrap();
        std::fs::remove_file(&path).unwrap();
        let new = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(Lock::is_held(&path).unwrap());
        drop(old);
        assert!(Lock::is_held(&path).unwrap());
        drop(new);
    }

    #[test]
    fn what_a_holder_with_a_longer_number_wrote_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "123456789012").unwrap();
        let _lock = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert_eq!(super::holder_at(&path), Some(std::process::id().to_string()));
    }

    #[test]
    fn a_shared_lock_lives_as_long_as_its_last_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::acquire(&path, Duration::ZERO).unwrap();
        let inherited = lock.share().unwrap();
        drop(lock);
        assert!(Lock::is_held(&path).unwrap());
        drop(inherited);
        assert!(is_soon_free(&path));
    }
}
