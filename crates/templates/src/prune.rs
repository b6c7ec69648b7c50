//! Templates that go: those that nobody has used for the longest time.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backlot_postgres::{StorageError, remove_tree};

use crate::copy::size_of;
use crate::folder::remove_prefixed;
use crate::lock::{self, Sharing};
use crate::{DROPPED, MAKING, MAKING_PREFIX, MARKER, TemplateError, Templates};

/// A template that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub key: String,
    /// What it takes, with its spares.
    pub bytes: u64,
    /// When it was used last.
    pub used: SystemTime,
}

impl Templates {
    /// All that are there, the one used last first.
    pub fn known(&self) -> Result<Vec<Known>, TemplateError> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let known = |(used, path): (SystemTime, PathBuf)| {
            let key = path.file_name()?.to_str()?.to_owned();
            Some(Known { key, bytes: size_of(&path), used })
        };
        Ok(self.by_last_use()?.into_iter().filter_map(known).collect())
    }

    /// Removes the one of this name, unless somebody clones it just now. Returns whether it is gone.
    pub fn remove(&self, key: &str) -> Result<bool, TemplateError> {
        let path = self.dir.join(key);
        let _maker = self.lock_for_change(MAKING)?;
        let dropped = self.dir.join(DROPPED);
        remove_tree(&dropped)?;
        if path.join(MARKER).exists() { drop_unused(&path, &dropped) } else { Ok(true) }
    }

    /// Removes all but the `keep` templates used last, and those that are `needed`; never one in use. Returns how many it removed.
    pub fn prune(&self, keep: usize, needed: &BTreeSet<String>) -> Result<usize, TemplateError> {
        if !self.dir.exists() {
            return Ok(0);
        }
        let _maker = self.lock_for_change(MAKING)?;
        let dropped = self.dir.join(DROPPED);
        remove_tree(&dropped)?;
        remove_prefixed(&self.dir, MAKING_PREFIX)?;
        let mut removed = 0;
        let is_needed = |path: &PathBuf| {
            path.file_name().is_some_and(|name| needed.contains(name.to_string_lossy().as_ref()))
        };
        let paths = self.by_last_use()?.into_iter().map(|(_, path)| path);
        for path in paths.skip(keep).filter(|path| !is_needed(path)) {
            removed += usize::from(drop_unused(&path, &dropped)?);
        }
        Ok(removed)
    }

    /// Removes those used least recently until the others take no more than `room`, in bytes; never one that is `needed` or in
    /// use, nor the one used last.
    pub fn prune_to(&self, room: u64, needed: &BTreeSet<String>) -> Result<(), TemplateError> {
        let mut all = 0;
        let mut keep = 0;
        for (_, path) in self.by_last_use()? {
            all += size_of(&path);
            if keep > 0 && all > room {
                break;
            }
            keep += 1;
        }
        self.prune(keep, needed).map(drop)
    }

    /// The folders of all templates, the one used last first.
    fn by_last_use(&self) -> Result<Vec<(SystemTime, PathBuf)>, StorageError> {
        let entries = fs::read_dir(&self.dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in entries.map_err(StorageError::at("read", &self.dir))? {
            // What has no marker is no template: the lock file.
            if let Ok(used) = fs::metadata(entry.path().join(MARKER)).and_then(|marker| marker.modified()) {
                found.push((used, entry.path()));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found)
    }
}

/// Removes a template, by way of `dropped`, unless somebody clones it just now.
pub(crate) fn drop_unused(path: &Path, dropped: &Path) -> Result<bool, TemplateError> {
    let marker = path.join(MARKER);
    let file = File::open(&marker).map_err(StorageError::at("open", &marker))?;
    let free = lock::acquire(&file, Sharing::Exclusive, Duration::ZERO);
    if !free.map_err(StorageError::at("lock", &marker))? {
        return Ok(false);
    }
    fs::rename(path, dropped).map_err(StorageError::at("rename", path))?;
    remove_tree(dropped)?;
    Ok(true)
}
