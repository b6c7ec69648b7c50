//! Copies of scripts, and what of them takes part in a hash.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use backlot_process::Owner;
use sha2::{Digest, Sha256};

use super::{INIT_DIR, Init, ScriptContent, Workshop};
use crate::storage::{StorageError, make_private};

/// So much of a file takes part in the hash by its content, in bytes; beyond, by its size and when it was changed.
const HASHED: u64 = 1024 * 1024;
/// So many entries of a folder are taken.
const MOST: usize = 10_000;

impl Init {
    /// A hash of all that fills the cluster: big files take part with their size and the time of their last change.
    pub fn hash(&self) -> Result<Vec<u8>, StorageError> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        for (name, value) in &self.variables {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        add(self.then.as_bytes());
        for (target, place) in self.named() {
            add(target.as_os_str().as_encoded_bytes());
            for (below, _, metadata) in files(place)? {
                add(below.as_os_str().as_encoded_bytes());
                add(&metadata.len().to_le_bytes());
                add(format!("{:?}", metadata.modified().ok()).as_bytes());
            }
        }
        for script in &self.scripts {
            add(script.name.as_bytes());
            match &script.content {
                ScriptContent::Text(text) => add(text.as_bytes()),
                ScriptContent::Path(path) => {
                    for (below, path, metadata) in files(path)? {
                        add(below.as_os_str().as_encoded_bytes());
                        add(&metadata.permissions().mode().to_le_bytes());
                        if metadata.len() > HASHED {
                            add(&metadata.len().to_le_bytes());
                            add(format!("{:?}", metadata.modified().ok()).as_bytes());
                        } else {
                            add(&backlot_files::bytes(&path, HASHED)
                                .map_err(StorageError::at("read", &path))?);
                        }
                    }
                }
            }
        }
        Ok(hash.finalize().to_vec())
    }

    /// Copies the scripts into one folder, where all that are beside each other in the container are, too. Returns their paths.
    pub(super) fn copy(&self, workshop: &Workshop) -> Result<Vec<PathBuf>, StorageError> {
        let dir = workshop.scratch.join(INIT_DIR.trim_start_matches('/'));
        let made = |dir: &Path| make_private(dir, &workshop.owner);
        made(&dir)?;
        for script in &self.scripts {
            let target = dir.join(&script.name);
            match &script.content {
                ScriptContent::Text(text) => {
                    fs::write(&target, text).map_err(StorageError::at("write", &target))?;
                    workshop.owner.take(&target).map_err(StorageError::at("write", &target))?;
                }
                ScriptContent::Path(path) => {
                    if path.is_dir() {
                        made(&target)?;
                    }
                    for (below, source, metadata) in files(path)? {
                        let target =
                            if below.as_os_str().is_empty() { target.clone() } else { target.join(below) };
                        made(target.parent().unwrap_or(&dir))?;
                        copy_file(&source, &target, &metadata, &workshop.owner)
                            .map_err(StorageError::at("copy to", &target))?;
                    }
                }
            }
        }
        Ok(self.scripts.iter().map(|script| dir.join(&script.name)).collect())
    }
}

/// The files at `path`, which may be one itself, by their paths below it, in order. What is neither file nor folder is left out.
pub(super) fn files(path: &Path) -> Result<Vec<(PathBuf, PathBuf, fs::Metadata)>, StorageError> {
    let (mut found, mut next) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = next.pop() {
        let whole = if below.as_os_str().is_empty() { path.to_owned() } else { path.join(&below) };
        let metadata = fs::metadata(&whole).map_err(StorageError::at("look at", &whole))?;
        if metadata.is_dir() {
            let entries = fs::read_dir(&whole).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let entries = entries.map_err(StorageError::at("read", &whole))?;
            // What leads nowhere is nothing.
            let there = entries.iter().filter(|entry| entry.path().exists());
            next.extend(there.map(|entry| below.join(entry.file_name())));
        } else if metadata.is_file() {
            found.push((below, whole, metadata));
        }
        if found.len() + next.len() > MOST {
            return Err(StorageError::new("take all of", path, io::ErrorKind::FileTooLarge.into()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn copy_file(source: &Path, target: &Path, metadata: &fs::Metadata, owner: &Owner) -> io::Result<()> {
    let _ = fs::remove_file(target);
    if reflink_copy::reflink(source, target).is_err() {
        let mut from = backlot_files::open(source)?;
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(target)?;
        io::copy(&mut from, &mut to)?;
    }
    // Whoever may run it on this machine, may be nobody but the user.
    let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o600 } else { 0o700 };
    fs::set_permissions(target, fs::Permissions::from_mode(mode))?;
    owner.take(target)
}
