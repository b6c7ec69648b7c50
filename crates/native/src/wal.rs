//! The log of a kept cluster in a place of its own: `POSTGRES_INITDB_WALDIR`.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use backlot_facts::database::Database;
use backlot_plan::Storage;
use backlot_postgres::{StorageError, remove_tree};
use backlot_process::Owner;
use backlot_state::volume::VolumeError;
use backlot_state::{EngineError, Site};
use backlot_templates::TemplateError;

/// Where a cluster has its log, unless that is elsewhere.
const LOG: &str = "pg_wal";
/// What tells that a log is being put there, until its cluster is in its place.
const UNFINISHED: &str = ".backlot-making";

/// Where the log is to be, if that is not with the data.
pub(super) fn place(database: &Database, site: &Site) -> Option<PathBuf> {
    let (Storage::Durable { .. }, Storage::Durable { .. }) = (&database.storage, &database.log) else {
        return None;
    };
    let (data, log) = (site.data(&database.storage), site.data(&database.log));
    (!log.starts_with(&data)).then_some(log)
}

/// That a new cluster can have its log there: as `initdb`, only where nothing is yet.
pub(super) fn check(database: &Database, site: &Site) -> Result<(), EngineError> {
    let Some(path) = place(database, site) else { return Ok(()) };
    let is_empty = fs::read_dir(&path).map_or(true, |mut entries| entries.next().is_none());
    if is_empty || path.join(UNFINISHED).exists() {
        Ok(())
    } else {
        Err(VolumeError::NotEmpty { path }.into())
    }
}

/// Moves the log of a cluster that nobody uses yet to `to`, where a link leads from its place.
pub(super) fn move_out(cluster: &Path, to: &Path, owner: &Owner) -> Result<(), TemplateError> {
    let missing: Vec<&Path> = to.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        let made = DirBuilder::new().mode(0o700).create(folder).and_then(|()| owner.take(folder));
        made.map_err(StorageError::at("make", folder))?;
    }
    // A folder that is mounted belongs to whoever has made it.
    owner.take(to).map_err(StorageError::at("take", to))?;
    owner.check_reach(to)?;
    // What somebody who was killed has left goes, the mark of that last.
    let mark = to.join(UNFINISHED);
    for entry in entries(to)?.into_iter().filter(|entry| *entry != mark) {
        if entry.is_dir() { remove_tree(&entry)? } else { remove(&entry)? }
    }
    fs::write(&mark, "").and_then(|()| owner.take(&mark)).map_err(StorageError::at("write", &mark))?;
    let log = cluster.join(LOG);
    copy(&log, to, owner)?;
    remove_tree(&log)?;
    symlink(to, &log).map_err(StorageError::at("make", &log))?;
    Ok(())
}

/// The cluster is in its place.
pub(super) fn settle(to: &Path) -> Result<(), EngineError> {
    Ok(remove(&to.join(UNFINISHED)).map_err(TemplateError::from)?)
}

fn copy(from: &Path, to: &Path, owner: &Owner) -> Result<(), StorageError> {
    for entry in entries(from)? {
        let target = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            let made = DirBuilder::new().mode(0o700).create(&target).and_then(|()| owner.take(&target));
            made.map_err(StorageError::at("make", &target))?;
            copy(&entry, &target, owner)?;
        } else {
            let copied = fs::copy(&entry, &target).and_then(|_| owner.take(&target));
            copied.map_err(StorageError::at("copy to", &target))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let all = fs::read_dir(folder).and_then(|all| all.map(|entry| Ok(entry?.path())).collect());
    all.map_err(StorageError::at("read", folder))
}

fn remove(file: &Path) -> Result<(), StorageError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::new("remove", file, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
