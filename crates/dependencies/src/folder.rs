//! The folder of an environment, and the mark in it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::DependencyError;

/// The file by which an environment is known to be whole: it comes last. Of Node, the folders with modules are in it; of what is
/// built, what has come of it.
pub(crate) const MARK: &str = ".backlot-whole";

/// The file that is locked while somebody makes or removes it.
pub(crate) fn lock_of(folder: &Path) -> PathBuf {
    PathBuf::from(format!("{}.lock", folder.display()))
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), DependencyError> {
    fs::create_dir_all(folder).map_err(DependencyError::io("make", folder))
}

pub(crate) fn remove(folder: &Path) -> Result<(), DependencyError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(DependencyError::io("remove", folder)),
    }
}

/// Notes that they are used now.
pub(crate) fn note_use(folder: &Path) {
    // Those of somebody else, and those on a disk that is only read, are as old as they seem.
    let _ = fs::File::options()
        .append(true)
        .open(folder.join(MARK))
        .and_then(|mark| mark.set_modified(SystemTime::now()));
}

pub(crate) fn write_mark(folder: &Path, text: &str) -> io::Result<()> {
    let new = folder.join(".backlot-new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, folder.join(MARK))
}
