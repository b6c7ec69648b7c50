//! Copying a database as it is now, whether its server runs or not.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use backlot_hint::{Explain, Hint};
use backlot_postgres::StorageError;
use backlot_snapshots::{Copied, Live, SnapshotError, copy_live};
use backlot_state::{DatabaseRecord, EngineError, Filling, Site, go_on};
use backlot_templates::{copy_upon, has_ended_well};

use crate::running;

/// Why a database cannot be what it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackError {
    /// Nothing is there to go back to.
    #[error("there is nothing to go back to for {environment}: {why}")]
    Nothing {
        /// The environment.
        environment: String,
        /// Why.
        why: &'static str,
    },
    /// What is there is half of what is to be.
    #[error("{} is being filled", environment.strip_prefix("scenario_").unwrap_or(environment))]
    Filling {
        /// The environment.
        environment: String,
    },
    /// What is there has not ended as it should.
    #[error("the data of {environment} may have lost something: its server was killed")]
    Killed {
        /// The environment.
        environment: String,
    },
}

impl Explain for BackError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => "no-snapshot",
            Self::Filling { .. } => "busy",
            Self::Killed { .. } => "cannot-copy",
        }
    }

    fn hint(&self) -> Option<Hint> {
        let (Self::Nothing { environment, .. } | Self::Killed { environment }) = self else {
            return Some("try again when it is ready".into());
        };
        let scenario = environment.strip_prefix("scenario_")?;
        Some(Hint::from("make it anew: ").then(Hint::command(&["scenario", "up", scenario, "--fresh"])))
    }
}

/// Its server as it runs or ran.
pub(crate) fn known(site: &Site) -> Result<DatabaseRecord, EngineError> {
    let not_up = || EngineError::NotUp { environment: site.name().to_owned(), exists: site.live().exists() };
    site.record()?.and_then(|record| record.database).ok_or_else(not_up)
}

/// Copies the data directory of that server to `to`, as [`copy_live`] and [`copy_upon`] do. Returns what is to be told of it.
/// It ends with an error when `stop` is set.
///
/// # Errors
/// When it cannot be copied, or is being filled.
pub(crate) fn copy(
    site: &Site,
    database: &DatabaseRecord,
    to: &Path,
    stop: &AtomicBool,
) -> Result<Vec<String>, EngineError> {
    if site.record()?.is_some_and(|record| record.filling == Filling::Begun) && site.is_busy()? {
        return Err(EngineError::of(BackError::Filling { environment: site.name().to_owned() }));
    }
    copy_now(site, database, to, stop).map_err(|error| unless_stopped(error, stop))
}

/// The error, unless somebody has asked to stop: then that is the reason.
pub(crate) fn unless_stopped(error: EngineError, stop: &AtomicBool) -> EngineError {
    go_on(stop).err().unwrap_or(error)
}

fn copy_now(
    site: &Site,
    database: &DatabaseRecord,
    to: &Path,
    stop: &AtomicBool,
) -> Result<Vec<String>, EngineError> {
    let owner = site.home().owner();
    if running(site).is_err() {
        let _taken = site.take()?;
        if database.volume.is_none() && !has_ended_well(&database.data_dir) {
            return Err(EngineError::of(BackError::Killed { environment: site.name().to_owned() }));
        }
        copy_upon(&database.data_dir, to, owner, stop).map_err(storage)?;
        return Ok(Vec::new());
    }
    let live = Live {
        access: &database.access(),
        postmaster: database.process,
        data: &database.data_dir,
        major: database.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default(),
        stop,
    };
    let Copied { unlogged, .. } = copy_live(&live, to, owner).map_err(EngineError::of)?;
    if unlogged.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "unlogged tables are empty in the copy, as they are after a crash: {} (stop the database first to have them)",
        unlogged.join(", ")
    )])
}

pub(crate) fn storage(error: StorageError) -> EngineError {
    EngineError::of(SnapshotError::from(error))
}
