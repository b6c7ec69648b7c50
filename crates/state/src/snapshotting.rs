//! Snapshots of an environment's database.

use std::path::Path;

use backlot_supervisor::News;

use crate::error::EngineError;
use crate::event::Report;

/// What can be done with snapshots for the database of an environment.
pub trait Snapshotting {
    /// Puts the snapshot of this name in the place of the database; what ran runs again. Returns the name of the snapshot of
    /// what was there, if anything was.
    ///
    /// # Errors
    /// When there is no such snapshot, or it cannot be the data of this database; then all is as it was.
    fn restore(
        &self,
        name: &str,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<String>, EngineError>;

    /// Makes a snapshot of this name of what `pg_dump` has written; the database that runs has nothing to do with it.
    ///
    /// # Errors
    /// When there is one of that name, or the dump does not load; then nothing is left.
    fn load(&self, name: &str, dump: &Path, report: Report<'_>) -> Result<(), EngineError>;
}
