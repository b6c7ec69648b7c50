//! Copying a cluster whose server runs, and goes on running: no connection ends, and nothing that was committed is missing.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use backlot_postgres::{Access, Connection, StorageError, remove_tree};
use backlot_process::{Owner, ProcessId};
use backlot_templates::{copy_again, copy_gently, copy_log, copy_upon, copy_while_used, size_of};

use crate::error::SnapshotError;
use crate::freeze::Frozen;

/// How long the server may take for a checkpoint.
const CHECKPOINT: Duration = Duration::from_mins(5);
/// Up to so many bytes are copied while all stands still; more is copied before, and then only what has changed meanwhile.
const AT_ONCE: u64 = 16 << 20;
/// The times of files are as exact as the kernel's clock ticks; more than that does no harm.
const TICK: Duration = Duration::from_millis(100);
/// The first version whose functions are called as they are now.
const RENAMED: u32 = 15;

/// A server that runs.
#[derive(Debug)]
pub struct Live<'a> {
    /// How a superuser reaches it, in the database that every cluster has.
    pub access: &'a Access,
    /// Its postmaster.
    pub postmaster: ProcessId,
    /// Its data directory.
    pub data: &'a Path,
    /// Its major version.
    pub major: u32,
    /// Set when nobody wants the copy any more: then it fails.
    pub stop: &'a AtomicBool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// How long nobody could write.
    pub held_up: Duration,
    /// Tables that are empty in the copy, as they were not logged.
    pub unlogged: Vec<String>,
}

/// Copies it to `to`, where nothing is, or a cluster that was made of the same template since the machine was started, of which only
/// what differs is replaced; and gives it to `owner`. The copy recovers when it is started.
///
/// A server that logs enough is copied as a backup is made, and nobody waits. Another one stands still for a moment.
///
/// # Errors
/// When it cannot be copied; then there may be a part of it at `to`.
pub fn copy_live(live: &Live<'_>, to: &Path, owner: &Owner) -> Result<Copied, SnapshotError> {
    let tablespaces =
        fs::read_dir(live.data.join("pg_tblspc")).is_ok_and(|mut entries| entries.next().is_some());
    if tablespaces {
        return Err(SnapshotError::Tablespaces { data: live.data.to_owned() });
    }
    let mut connection = Connection::open(live.access, CHECKPOINT).map_err(SnapshotError::Server)?;
    let mut ask = |sql: &str| connection.query_one_text(sql).map_err(SnapshotError::Server);
    let held_up = if ask("SHOW wal_level")?.as_deref() == Some("minimal") {
        ask("CHECKPOINT")?;
        halted(live, to, owner, &mut || ask("CHECKPOINT").map(drop))?
    } else {
        as_backup(live, to, owner, &mut ask)?;
        Duration::ZERO
    };
    for left in ["postmaster.pid", "postmaster.opts"] {
        let path = to.join(left);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StorageError::new("remove", &path, error).into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(Copied { held_up, unlogged: unlogged(live)? })
}

/// Copies all while all processes stand still, or what has changed since a first copy.
fn halted(
    live: &Live<'_>,
    to: &Path,
    owner: &Owner,
    checkpoint: &mut dyn FnMut() -> Result<(), SnapshotError>,
) -> Result<Duration, SnapshotError> {
    let is_large = size_of(live.data) > AT_ONCE || to.exists();
    let began = SystemTime::now() - TICK;
    if is_large {
        copy_upon(live.data, to, owner, live.stop)?;
        checkpoint()?;
    }
    let since = Instant::now();
    let frozen = Frozen::halt(live.postmaster)?;
    if is_large {
        copy_again(live.data, to, owner, began)?;
    } else {
        copy_while_used(live.data, to, owner)?;
    }
    drop(frozen);
    Ok(since.elapsed())
}

/// As `pg_basebackup` does: between two marks in the log, of which the copy gets all that is between them.
fn as_backup(
    live: &Live<'_>,
    to: &Path,
    owner: &Owner,
    ask: &mut dyn FnMut(&str) -> Result<Option<String>, SnapshotError>,
) -> Result<(), SnapshotError> {
    let (start, stop) = if live.major < RENAMED {
        (
            "SELECT pg_start_backup('backlot', true, false)",
            "SELECT pg_walfile_name(lsn) || E'\\n' || labelfile FROM pg_stop_backup(false, false)",
        )
    } else {
        (
            "SELECT pg_backup_start('backlot', true)",
            "SELECT pg_walfile_name(lsn) || E'\\n' || labelfile FROM pg_backup_stop(false)",
        )
    };
    ask(start)?;
    // Should it fail, the backup ends with the connection.
    copy_gently(live.data, to, owner, live.stop)?;
    let answer = ask(stop)?.unwrap_or_default();
    let (last, label) = answer.split_once('\n').unwrap_or_default();
    // `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)`
    let first = label.split_once("(file ").and_then(|(_, rest)| rest.split(')').next()).unwrap_or_default();
    copy_log(live.data, to, owner, first..=last)?;
    for segment in [first, last] {
        if !to.join("pg_wal").join(segment).is_file() {
            return Err(SnapshotError::Behind { segment: segment.to_owned() });
        }
    }
    let path = to.join("backup_label");
    fs::write(&path, label).and_then(|()| owner.take(&path)).map_err(StorageError::at("write", &path))?;
    // A slot would hold the log back for nobody.
    let slots = to.join("pg_replslot");
    for slot in fs::read_dir(&slots).into_iter().flatten().flatten() {
        remove_tree(&slot.path())?;
    }
    Ok(())
}

/// The tables of all databases that are not logged.
fn unlogged(live: &Live<'_>) -> Result<Vec<String>, SnapshotError> {
    let open = |database: &str| {
        let access = Access { database: database.to_owned(), ..live.access.clone() };
        Connection::open(&access, CHECKPOINT).map_err(SnapshotError::Server)
    };
    let names =
        "SELECT string_agg(datname, E'\\n') FROM pg_database WHERE datallowconn AND NOT datistemplate";
    let databases = open(&live.access.database)?.query_one_text(names).map_err(SnapshotError::Server)?;
    let mut all = Vec::new();
    for database in databases.iter().flat_map(|names| names.split('\n')) {
        let tables = "SELECT string_agg(oid::regclass::text, E'\\n') FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'";
        let tables = open(database)?.query_one_text(tables).map_err(SnapshotError::Server)?;
        all.extend(tables.iter().flat_map(|names| names.split('\n')).map(str::to_owned));
    }
    Ok(all)
}
