//! Folders that come and go.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backlot_postgres::{StorageError, free_shared_memory, remove_tree};
use backlot_process::kill_all_working_in;

use crate::lock::{self, Sharing};
use crate::spread;

/// The data directory in the folder of a template.
pub(crate) const DATA: &str = "data";
/// How long killed processes may take to be gone.
const ENDING: Duration = Duration::from_secs(5);

/// The path of a folder to be made, with a name of its own (see [`spread`]). Those that were begun earlier under this prefix
/// and never completed are removed.
pub(crate) fn fresh(parent: &Path, prefix: &str) -> Result<PathBuf, StorageError> {
    remove_prefixed(parent, prefix)?;
    spread::subdirectories_of(parent);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(parent.join(format!("{prefix}{}-{}", std::process::id(), now.as_nanos())))
}

pub(crate) fn remove_prefixed(parent: &Path, prefix: &str) -> Result<(), StorageError> {
    let entries = fs::read_dir(parent).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(StorageError::at("read", parent))?.into_iter();
    entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes())).try_for_each(
        |entry| {
            // Whoever began it was killed; what it ran may still be at work, or have been killed as well. A server
            // whose files go while it works ends without freeing its memory.
            for data_dir in [entry.path().join(DATA), entry.path()] {
                kill_all_working_in(&data_dir, "postgres", ENDING);
                free_shared_memory(&data_dir);
            }
            remove_tree(&entry.path())
        },
    )
}

/// In a folder that was there before its cluster: what is copied, until it is complete. As long as it is there, all else in
/// the folder is part of the copy.
pub(crate) const UNFINISHED: &str = ".backlot-making";
/// The file by which a cluster is known: it comes into its folder last.
pub(crate) const VERSION: &str = "PG_VERSION";

/// Whether a whole cluster is in `data_dir`.
pub fn is_cluster(data_dir: &Path) -> bool {
    data_dir.join(VERSION).exists() && !data_dir.join(UNFINISHED).exists()
}

/// Whether a copy into `data_dir` was begun, and did not come to its end.
pub fn is_unfinished(data_dir: &Path) -> bool {
    data_dir.join(UNFINISHED).exists()
}

/// The lock of whoever makes spares in `dir`; none while somebody else has it.
pub(crate) fn lock_spares(dir: &Path) -> Result<Option<File>, StorageError> {
    let path = dir.join("lock");
    let file = lock::open(&path).map_err(StorageError::at("open", &path))?;
    let locked = lock::acquire(&file, Sharing::Exclusive, Duration::ZERO);
    Ok(locked.map_err(StorageError::at("lock", &path))?.then_some(file))
}
