//! Snapshots that are kept by name.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backlot_postgres::{StorageError, make_private, remove_tree};
use backlot_process::{Owner, wait_for};
use backlot_templates::size_of;
use serde::{Deserialize, Serialize};

use crate::error::SnapshotError;

const DATA: &str = "data";
const RECORD: &str = "snapshot.json";
const MAKING: &str = "making-";
const REMOVED: &str = "removed-";
const LOCK: &str = "lock";
/// What the names of those begin with that a restore makes of what was there.
pub const BEFORE_RESTORE: &str = "before-restore-";
/// How long another one may take.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// The format of what is told of a snapshot.
const VERSION: u32 = 1;

/// What a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The format's version.
    version: u32,
    /// The environment that it was made of.
    pub environment: String,
    /// The service.
    pub service: String,
    /// Its server's version: `16.9`.
    pub postgres: String,
    /// The database that is used.
    pub database: String,
    /// When, in seconds since 1970.
    pub made: u64,
    /// How many bytes its files have.
    pub bytes: u64,
}

impl Snapshot {
    /// One that is made now.
    pub fn of(environment: &str, service: &str, postgres: &str, database: &str) -> Self {
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let [environment, service, postgres, database] =
            [environment, service, postgres, database].map(str::to_owned);
        Self { version: VERSION, environment, service, postgres, database, made, bytes: 0 }
    }

    /// The major version of its server.
    pub fn major(&self) -> u32 {
        self.postgres.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
    }
}

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// What it is.
    pub snapshot: Snapshot,
    /// Its data directory.
    pub data: PathBuf,
}

/// A snapshot that is not removed before this is dropped.
#[derive(Debug)]
pub struct Held {
    /// It.
    pub saved: Saved,
    _lock: File,
}

/// The snapshots of a project.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    owner: Owner,
}

impl Store {
    /// Those in `dir`, which is made when it is needed.
    pub fn at(dir: impl Into<PathBuf>, owner: Owner) -> Self {
        Self { dir: dir.into(), owner }
    }

    /// All that are there, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<Saved>, SnapshotError> {
        let mut all = self.names()?.iter().map(|name| self.read(name)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn names(&self) -> Result<Vec<String>, SnapshotError> {
        let entries = match fs::read_dir(&self.dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StorageError::new("read", &self.dir, error).into()),
        };
        let names = entries.iter().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| check(name).is_ok() && self.dir.join(name).is_dir()).collect();
        names.sort();
        Ok(names)
    }

    /// The one of this name.
    ///
    /// # Errors
    /// When there is none, or it is not what it should be.
    pub fn get(&self, name: &str) -> Result<Saved, SnapshotError> {
        check(name)?;
        if !self.dir.join(name).is_dir() {
            return Err(SnapshotError::Unknown { name: name.to_owned(), known: self.names()? });
        }
        self.read(name)
    }

    /// The same, kept from being removed while it is used.
    ///
    /// # Errors
    /// As [`Store::get`], and when somebody is at removing it.
    pub fn hold(&self, name: &str) -> Result<Held, SnapshotError> {
        self.get(name)?;
        let lock = self.lock_of(name, File::try_lock_shared)?;
        // It may have gone between the looking and the locking.
        Ok(Held { saved: self.get(name)?, _lock: lock })
    }

    /// Those who use a snapshot share a lock on what is told of it, and whoever removes it has that alone.
    fn lock_of(&self, name: &str, lock: Lock) -> Result<File, SnapshotError> {
        let record = self.dir.join(name).join(RECORD);
        let file = File::open(&record).map_err(StorageError::at("open", &record))?;
        if within_limit(&file, lock).map_err(StorageError::at("lock", &record))? {
            return Ok(file);
        }
        Err(SnapshotError::InUse { name: name.to_owned() })
    }

    fn read(&self, name: &str) -> Result<Saved, SnapshotError> {
        let folder = self.dir.join(name);
        let damaged = |why: String| SnapshotError::Damaged { name: name.to_owned(), why };
        let text = backlot_files::text(&folder.join(RECORD)).map_err(|error| damaged(error.to_string()))?;
        let snapshot: Snapshot = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if snapshot.version > VERSION {
            return Err(damaged("a newer Backlot has made it".to_owned()));
        }
        Ok(Saved { name: name.to_owned(), snapshot, data: folder.join(DATA) })
    }

    /// Whether somebody may call one so: what a restore has kept goes with the next pruning.
    ///
    /// # Errors
    /// When there is one, or none can be called so.
    pub fn check_own(&self, name: &str) -> Result<(), SnapshotError> {
        if name.starts_with(BEFORE_RESTORE) {
            return Err(SnapshotError::Name { name: name.to_owned() });
        }
        self.check_free(name)
    }

    /// Keeps what `fill` puts at the path that it is given, whole or not at all.
    ///
    /// # Errors
    /// When one of that name is there, `fill` fails, or it cannot be written.
    pub fn save<E: From<SnapshotError>>(
        &self,
        name: &str,
        snapshot: Snapshot,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Saved, E> {
        check(name)?;
        let _lock = self.lock()?;
        self.check_free(name)?;
        let staging = self.dir.join(format!("{MAKING}{}", std::process::id()));
        let done = self.fill(&staging, name, snapshot, fill);
        if done.is_err() {
            // That error matters more than what is left behind, which the next one removes.
            let _ = remove_tree(&staging);
            let _ = self.remove_empty();
        }
        done
    }

    /// Whether one can be made of this name, as far as that is known before.
    ///
    /// # Errors
    /// When there is one, or none can be called so.
    pub fn check_free(&self, name: &str) -> Result<(), SnapshotError> {
        check(name)?;
        if self.dir.join(name).exists() {
            return Err(SnapshotError::Exists { name: name.to_owned() });
        }
        Ok(())
    }

    fn fill<E: From<SnapshotError>>(
        &self,
        staging: &Path,
        name: &str,
        snapshot: Snapshot,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Saved, E> {
        let failed = |error: StorageError| E::from(SnapshotError::from(error));
        make_private(staging, &self.owner).map_err(failed)?;
        let data = staging.join(DATA);
        fill(&data)?;
        let snapshot = Snapshot { bytes: size_of(&data), ..snapshot };
        let record = staging.join(RECORD);
        let text = serde_json::to_string_pretty(&snapshot).unwrap_or_default();
        fs::write(&record, text).map_err(StorageError::at("write", &record)).map_err(failed)?;
        let folder = File::open(staging).map_err(StorageError::at("open", staging)).map_err(failed)?;
        backlot_files::write_through(&folder).map_err(StorageError::at("sync", staging)).map_err(failed)?;
        let target = self.dir.join(name);
        fs::rename(staging, &target).map_err(StorageError::at("make", &target)).map_err(failed)?;
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(StorageError::at("sync", &self.dir)).map_err(failed)?;
        Ok(Saved { name: name.to_owned(), snapshot, data: target.join(DATA) })
    }

    /// Removes one: out of sight in one step first.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), SnapshotError> {
        check(name)?;
        let path = self.dir.join(name);
        let unknown = || Ok(SnapshotError::Unknown { name: name.to_owned(), known: self.names()? });
        if !path.is_dir() {
            return unknown().and_then(Err);
        }
        // Who reads it is let finish first. What cannot be told of has nobody who uses it.
        let _alone = match self.read(name) {
            Ok(_) => Some(self.lock_of(name, File::try_lock)?),
            Err(_) => None,
        };
        let _lock = self.lock()?;
        if !path.is_dir() {
            return unknown().and_then(Err);
        }
        let removed = self.dir.join(format!("{REMOVED}{}", std::process::id()));
        fs::rename(&path, &removed).map_err(StorageError::at("remove", &path))?;
        remove_tree(&removed)?;
        self.remove_empty()
    }

    /// Whether somebody who was killed has left a snapshot unfinished. What somebody is at is no such thing.
    pub fn has_left_overs(&self) -> bool {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        if !entries.map(|entry| entry.file_name()).any(|name| is_unfinished(&name)) {
            return false;
        }
        let lock = File::open(self.dir.join(LOCK));
        !lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Removes what those have left who were killed at a change, unless somebody is at one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn tidy(&self) -> Result<(), SnapshotError> {
        if self.has_left_overs() {
            let _lock = self.lock()?;
            self.remove_empty()?;
        }
        Ok(())
    }

    /// Nothing of an empty store is left, the lock included: who has it open already sees that.
    fn remove_empty(&self) -> Result<(), SnapshotError> {
        if self.names()?.is_empty() {
            let _ = fs::remove_file(self.dir.join(LOCK));
            let _ = fs::remove_dir(&self.dir);
            let _ = self.dir.parent().map(fs::remove_dir);
        }
        Ok(())
    }

    /// Takes the folder for a change, and removes what those have left who were killed at one.
    fn lock(&self) -> Result<File, SnapshotError> {
        make_private(&self.dir, &self.owner)?;
        let path = self.dir.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(StorageError::at("open", &path))?;
        if !within_limit(&file, File::try_lock).map_err(StorageError::at("lock", &path))? {
            return Err(SnapshotError::Busy);
        }
        let here = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (file.metadata().map(here), fs::metadata(&path).map(here)) {
            (Ok(ours), Ok(there)) if ours == there => {}
            // It was removed between the opening and the locking.
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {
                return Err(SnapshotError::Busy);
            }
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if is_unfinished(&entry.file_name()) {
                remove_tree(&entry.path())?;
            }
        }
        Ok(file)
    }
}

/// How a file is locked: by one alone, or by all who read.
type Lock = fn(&File) -> Result<(), TryLockError>;

/// Locks a file as soon as others let it; whether they did in time.
fn within_limit(file: &File, lock: Lock) -> io::Result<bool> {
    let locked = wait_for(BUSY_LIMIT, || match lock(file) {
        Err(TryLockError::WouldBlock) => None,
        outcome => Some(outcome),
    });
    match locked {
        Some(Ok(())) => Ok(true),
        None | Some(Err(TryLockError::WouldBlock)) => Ok(false),
        Some(Err(TryLockError::Error(error))) => Err(error),
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    [MAKING, REMOVED].iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes()))
}

/// Whether a snapshot can be called so.
fn check(name: &str) -> Result<(), SnapshotError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_ours = [MAKING, REMOVED].iter().any(|ours| name.starts_with(ours)) || name == LOCK;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.chars().all(is_fine) && name.len() <= 100 && !is_ours {
        return Ok(());
    }
    Err(SnapshotError::Name { name: name.to_owned() })
}

#[cfg(test)]
mod tests;
