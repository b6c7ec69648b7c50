//! In what two data directories differ, of which one was once a copy of the other, or both of a third one.
//!
//! A file is the same if it has the same size and the same time, to the nanosecond: a copy is given the time of its source, and
//! whoever writes to it gives it that of the moment. That holds
//! - if both were made since the machine was started, as a crash may keep bytes and lose their time;
//! - if the time has a fraction of a second, as others are of file systems that know none;
//! - if nothing gives one file the name of another, as the server does with segments of its log.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use backlot_postgres::StorageError;
use backlot_process::Owner;

use crate::copy::{Copier, Manner, can_reflink, list, mode};
use crate::folder::VERSION;

/// The log, whose files are recycled under new names.
pub(crate) const LOG: &str = "pg_wal";

/// What makes one data directory the same as another.
#[derive(Debug)]
pub struct Difference {
    /// Files that both have, and that may not be the same.
    pub(crate) changed: Vec<PathBuf>,
    /// Files that are to come.
    pub(crate) missing: Vec<PathBuf>,
    /// Files that are to go.
    pub(crate) more: Vec<PathBuf>,
    /// Folders that are to come, parents first.
    pub(crate) missing_dirs: Vec<PathBuf>,
    /// Folders that are to go, parents first.
    pub(crate) more_dirs: Vec<PathBuf>,
    /// How much is to be copied.
    pub bytes: u64,
}

/// By what files are known to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sameness {
    /// By their time and size, as the one was made of the other, or both of a third one.
    Time,
    /// The one was made a copy of the other, and is still one of what has not been written to since then.
    Since(SystemTime),
}

impl Difference {
    /// What makes `to` the same as `from`; while that `is_used`, its files come and go.
    pub(crate) fn between(
        from: &Path,
        to: &Path,
        sameness: Sameness,
        is_used: bool,
    ) -> Result<Self, StorageError> {
        let (own_dirs, mut own_files) = list(from, is_used)?;
        let (dirs, files) = list(to, false)?;
        let (mut changed, mut missing, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut gone = HashSet::new();
        for file in &own_files {
            let path = from.join(file);
            let own = match fs::symlink_metadata(&path) {
                Err(error) if is_used && error.kind() == io::ErrorKind::NotFound => {
                    gone.insert(file.clone());
                    continue;
                }
                own => own.map_err(StorageError::at("look at", &path))?,
            };
            match fs::symlink_metadata(to.join(file)) {
                Ok(there) if is_same(file, &own, &there, sameness) => continue,
                Ok(_) => changed.push(file.clone()),
                Err(_) => missing.push(file.clone()),
            }
            bytes += own.len();
        }
        own_files.retain(|file| !gone.contains(file));
        let more = without(&files, &own_files);
        let (missing_dirs, more_dirs) = (without(&own_dirs, &dirs), without(&dirs, &own_dirs));
        Ok(Self { changed, missing, more, missing_dirs, more_dirs, bytes })
    }

    /// How many files are to be copied.
    pub fn files(&self) -> usize {
        self.changed.len() + self.missing.len()
    }

    /// Copies what is to come, where nothing is any more of what is to be replaced.
    pub(crate) fn bring(
        &self,
        from: &Path,
        to: &Path,
        owner: &Owner,
        manner: Manner<'_>,
    ) -> Result<(), StorageError> {
        let dir_mode = mode(from)?;
        for dir in &self.missing_dirs {
            let dir = to.join(dir);
            let made = DirBuilder::new().mode(dir_mode).create(&dir).and_then(|()| owner.take(&dir));
            made.map_err(StorageError::at("make", &dir))?;
        }
        let file_mode = mode(&from.join(VERSION))?;
        let reflink = self.bytes > 0 && can_reflink(from, to);
        let files: Vec<PathBuf> = self.changed.iter().chain(&self.missing).cloned().collect();
        let (is_used, unwritten) = (manner.is_used, manner.unwritten());
        Copier { from, to, owner, file_mode, reflink, is_used, unwritten, stop: manner.stop }.copy_all(&files)
    }

    /// Has these files stay as they are, there or not.
    pub(crate) fn leave_out(&mut self, is_out: &dyn Fn(&Path) -> bool) {
        self.changed.retain(|file| !is_out(file));
        self.missing.retain(|file| !is_out(file));
    }

    /// Removes what is to go, or to be replaced.
    pub(crate) fn clear(&self, to: &Path) -> Result<(), StorageError> {
        for file in self.changed.iter().chain(&self.more) {
            let file = to.join(file);
            fs::remove_file(&file).map_err(StorageError::at("remove", &file))?;
        }
        for dir in self.more_dirs.iter().rev() {
            let dir = to.join(dir);
            fs::remove_dir(&dir).map_err(StorageError::at("remove", &dir))?;
        }
        Ok(())
    }
}

fn is_same(file: &Path, own: &Metadata, there: &Metadata, sameness: Sameness) -> bool {
    let time = |metadata: &Metadata| (metadata.mtime(), metadata.mtime_nsec());
    let is_same = match sameness {
        Sameness::Time => !file.starts_with(LOG) && time(own) == time(there) && own.mtime_nsec() != 0,
        Sameness::Since(since) => own.modified().is_ok_and(|written| written < since),
    };
    is_same && own.is_file() && there.is_file() && own.len() == there.len()
}

/// Those of `all` that are not `known`.
fn without(all: &[PathBuf], known: &[PathBuf]) -> Vec<PathBuf> {
    let known: HashSet<&PathBuf> = known.iter().collect();
    all.iter().filter(|one| !known.contains(one)).cloned().collect()
}
