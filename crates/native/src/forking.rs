//! The first database of a worktree: what the main checkout's has now. That is read, and never written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_facts::database::Database;
use backlot_hint::{Explain, Hint};
use backlot_plan::Storage;
use backlot_postgres::remove_tree;
use backlot_state::volume::{self, ClusterRecord};
use backlot_state::{Checkouts, EngineError, Event, Report, Taken};
use backlot_templates::{copy_unused, is_cluster};

use crate::copying::{copy, storage, unless_stopped};
use crate::made::Fork;
use crate::running;

/// How long somebody else may take with the main checkout's database, such as another worktree that copies it.
const LIMIT: Duration = Duration::from_mins(2);

/// A fork that failed.
#[derive(Debug, thiserror::Error)]
#[error("service {service} cannot begin with the data of {}", .root.display())]
struct ForkError {
    service: String,
    root: PathBuf,
    source: EngineError,
}

impl Explain for ForkError {
    fn code(&self) -> &'static str {
        "fork"
    }

    fn hint(&self) -> Option<Hint> {
        let empty = Hint::from("begin with no data: ").then(Hint::command(&["up", "--empty"]));
        Some(match self.source.hint() {
            Some(hint) => hint.then("; or ").then(empty),
            None => empty,
        })
    }
}

/// Copying one to where a database is to be that is made.
pub(crate) struct Forking<'a> {
    pub(crate) fork: &'a Fork,
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// Where it is to be.
    pub(crate) taken: &'a Taken,
    /// What is to be there.
    pub(crate) database: &'a Database,
    /// Set when the caller asks to stop.
    pub(crate) interrupted: &'a AtomicBool,
}

impl Forking<'_> {
    /// Puts the copy into its place.
    ///
    /// # Errors
    /// When it cannot be copied; then nothing of it is left.
    pub(crate) fn put_into_place(&self, report: Report<'_>) -> Result<(), EngineError> {
        self.put(report).map_err(|source| match source {
            EngineError::Interrupted => source,
            source => {
                let (service, root) = (self.database.service.clone(), self.fork.root.clone());
                EngineError::of(ForkError { service, root, source })
            }
        })
    }

    fn put(&self, report: Report<'_>) -> Result<(), EngineError> {
        let (site, database) = (self.taken.site(), self.database);
        let home = site.home();
        let data = site.data(&database.storage);
        let Storage::Durable { volume, below } = &database.storage else {
            home.make(data.parent().unwrap_or(home.root()))?;
            return self.place(&data, &data.with_file_name("data.partial"), report);
        };
        let keeper = site.keeper(volume);
        let is_new = !keeper.exists();
        let mut held = volume::hold(site, self.root, volume)?;
        // Somebody else may have made it while we waited.
        if is_cluster(&data) {
            return Ok(());
        }
        volume::check_room(site, &database.storage)?;
        home.make(data.parent().unwrap_or(home.root()))?;
        let placed = self.place(&data, &keeper.join("data.partial-fork"), report).and_then(|()| {
            let cluster = ClusterRecord {
                major: self.fork.major,
                user: database.user.clone(),
                databases: vec![database.initial.clone()],
                initdb_args: database.initdb_args.clone(),
            };
            held.remember(below, cluster)
        });
        if placed.is_err() && is_new {
            let _ = remove_tree(&keeper);
            let _ = fs::remove_dir(site.volumes());
        }
        placed
    }

    fn place(&self, data: &Path, partial: &Path, report: Report<'_>) -> Result<(), EngineError> {
        remove_tree(partial).map_err(storage)?;
        let placed = self.fork.copy(partial, self.interrupted).and_then(|notes| {
            let io = |what, path: &Path| {
                let path = path.to_owned();
                move |source| EngineError::Io { what, path, source }
            };
            let folder = File::open(partial).map_err(io("open", partial))?;
            backlot_files::write_through(&folder).map_err(io("sync", partial))?;
            fs::rename(partial, data).map_err(io("make", data))?;
            Ok(notes)
        });
        let notes = placed.inspect_err(|_| drop(remove_tree(partial)))?;
        for note in notes {
            report(Event::Warning(note));
        }
        Ok(())
    }
}

impl Fork {
    /// Copies it as it is now. Returns what is to be told of it.
    fn copy(&self, to: &Path, stop: &AtomicBool) -> Result<Vec<String>, EngineError> {
        let _one = Checkouts::of(self.site.home()).hold_copies(LIMIT)?;
        if let Some(database) = self.site.record()?.and_then(|record| record.database) {
            return copy(&self.site, &database, to, stop);
        }
        let taken = self.site.take_within(LIMIT)?;
        // Whoever held it may have started it.
        if let Ok(database) = running(&self.site) {
            drop(taken);
            return copy(&self.site, &database, to, stop);
        }
        if let Some(data) = &self.volume {
            let copied = copy_unused(data, to, self.site.home().owner(), stop).map_err(storage);
            copied.map_err(|error| unless_stopped(error, stop))?;
        }
        Ok(Vec::new())
    }
}
