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
use crate::{DROPPED, MAKING, MAKING_PREFIX, MARKER, SPARES, Template, TemplateError, Templates};

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

    /// Removes what was used least recently until the rest takes no more than `room`, in bytes: spares before anything else; never a
    /// template that is `needed` or in use, nor the one used last. Returns what the rest takes.
    pub fn prune_to(&self, room: u64, needed: &BTreeSet<String>) -> Result<u64, TemplateError> {
        if !self.dir.exists() {
            return Ok(0);
        }
        let sized = |(_, path): (SystemTime, PathBuf)| (size_of(&path), path);
        let mut all: Vec<(u64, PathBuf)> = self.by_last_use()?.into_iter().map(sized).collect();
        for at in (0..all.len()).rev() {
            if taken(&all) <= room {
                break;
            }
            let (size, path) = &mut all[at];
            Template::drop_spares_in(&path.join(SPARES))?;
            *size = size_of(path);
        }
        let up_to = |count: &usize| taken(&all[..*count]) > room;
        let keep = (2..=all.len()).find(up_to).map_or(all.len(), |too_many| too_many - 1);
        if keep < all.len() {
            self.prune(keep, needed)?;
            all.retain(|(_, path)| path.exists());
        }
        Ok(taken(&all))
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

/// What all of them take.
fn taken(all: &[(u64, PathBuf)]) -> u64 {
    all.iter().map(|(size, _)| size).sum()
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
