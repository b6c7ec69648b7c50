//! What the machine has.

use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Folder,
    Link(PathBuf),
    /// A file, a socket, a device.
    File,
}

/// The directories of a machine: the real one, or a test's.
pub(crate) trait Machine {
    /// What is at `path`, if anything is. No link is followed at its end.
    fn look(&self, path: &Path) -> io::Result<Option<Entry>>;
    /// What a folder holds, by name.
    fn list(&self, folder: &Path) -> io::Result<Vec<(OsString, Entry)>>;
    /// The permissions of a folder.
    fn mode(&self, folder: &Path) -> io::Result<u32>;
}

/// The machine that we run on.
pub(crate) struct Real;

impl Machine for Real {
    fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => entry(path, metadata.file_type()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(OsString, Entry)>> {
        let mut found = Vec::new();
        for item in fs::read_dir(folder)? {
            let item = item?;
            let kind = item.file_type().and_then(|kind| entry(&item.path(), kind));
            match kind {
                Ok(entry) => found.push((item.file_name(), entry)),
                // It has gone since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found)
    }

    fn mode(&self, folder: &Path) -> io::Result<u32> {
        Ok(fs::metadata(folder)?.permissions().mode() & 0o7777)
    }
}

fn entry(path: &Path, kind: FileType) -> io::Result<Entry> {
    if kind.is_symlink() {
        return fs::read_link(path).map(Entry::Link);
    }
    Ok(if kind.is_dir() { Entry::Folder } else { Entry::File })
}
