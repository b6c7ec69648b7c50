//! State files: written whole or not at all, and read with a limit.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::error::RecordError;

/// The version of the format that this build writes. Older ones are still read (see `tests/records/`).
pub const VERSION: u32 = 2;

/// More than any record has: the variables of a stack are most of it.
const MOST: u64 = 64 << 20;

/// Writes a state file, readable by us alone, so that a reader finds the old one or the new one, whole, whatever happens.
///
/// # Errors
/// [`RecordError::Write`].
pub fn write(state: &impl Serialize, path: &Path) -> Result<(), RecordError> {
    write_state(state, path, true)
}

pub(super) fn write_state(state: &impl Serialize, path: &Path, to_disk: bool) -> Result<(), RecordError> {
    let failed = |source| RecordError::Write { path: path.to_owned(), source };
    let text = serde_json::to_vec_pretty(state).map_err(|error| failed(error.into()))?;
    let temporary = path.with_extension("json.new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&temporary); // one that an interrupted writer left
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&text)?;
        if to_disk {
            file.sync_data()?;
        }
        fs::rename(&temporary, path)
    };
    write().map_err(failed)
}

/// Reads a state file; none is none, and a damaged one is an error.
///
/// # Errors
/// [`RecordError::Read`], [`RecordError::Damaged`] or [`RecordError::Newer`].
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, RecordError> {
    let text = match backlot_files::bytes(path, MOST) {
        Ok(text) => text,
        // Nor is anything below what is no directory.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(RecordError::Read { path: path.to_owned(), source }),
    };
    let damaged = |source| RecordError::Damaged { path: path.to_owned(), source };
    if is_lost(path, &text) {
        return Ok(None);
    }
    let Versioned { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version > VERSION {
        return Err(RecordError::Newer { path: path.to_owned(), version });
    }
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

/// Whether a file was written before the machine was started, and nothing of it had come to the disk by then.
fn is_lost(path: &Path, text: &[u8]) -> bool {
    let is_old = || Some(fs::metadata(path).ok()?.modified().ok()? < started()?);
    text.iter().all(|byte| *byte == 0) && is_old() == Some(true)
}

/// When the machine was started, where that is known.
#[cfg(target_os = "linux")]
fn started() -> Option<SystemTime> {
    let since = backlot_files::text(Path::new("/proc/uptime")).ok()?;
    let since = since.split_whitespace().next()?.parse().ok()?;
    SystemTime::now().checked_sub(std::time::Duration::try_from_secs_f64(since).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn started() -> Option<SystemTime> {
    None
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}
