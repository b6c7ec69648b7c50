//! A snapshot that is made of a dump.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backlot_dumps::{Dump, Loader};
use backlot_postgres::Connection;
use backlot_snapshots::{Snapshot, SnapshotError};
use backlot_state::{EngineError, Event, Report, tell};
use backlot_templates::has_ended_well;

use crate::DatabaseService;
use crate::aside::with_server;
use crate::cluster;
use crate::copying::storage;
use crate::doing::Doing;
use crate::up::Again;

/// How long the server may take to make a database.
const ANSWER: Duration = Duration::from_secs(30);

impl DatabaseService<'_> {
    /// Makes the snapshot `name` of what `pg_dump` has written to `file`: in a cluster as the files ask for it, whose database
    /// has nothing in it before. What runs has nothing to do with it.
    ///
    /// # Errors
    /// When there is one of that name, or the dump does not load; then nothing is left.
    pub(crate) fn load(&self, name: &str, file: &Path, report: Report<'_>) -> Result<(), EngineError> {
        let dump = Dump::open(file).map_err(EngineError::of)?;
        self.site.snapshots().check_own(name)?;
        self.fetch_missing(Again { fresh: false, restart: false, anew: false }, report)?;
        let installation = self.locate()?;
        cluster::check_extension(&self.database, &installation)?;
        let what = format!("{} as {name}", file.display());
        let doing = Doing { heading: "loaded", what: format!("load {what}") };
        let mut made = Vec::new();
        tell(&doing, report, |report| {
            report(Event::HowFar(Arc::new(dump.how_far())));
            let home = self.ground.home;
            home.make(&home.snapshots())?;
            let (service, database) = (&self.database.service, &self.database.application);
            let snapshot =
                Snapshot::of(self.site.name(), service, &installation.version.to_string(), database);
            self.site.snapshots().save(name, snapshot, |data| {
                let (spec, _) = cluster::spec(&self.database, &self.site, &installation);
                self.templates().ensure(&installation, &spec)?.clone_into(data)?;
                // What the programs say of the dump.
                let scratch = data.with_file_name("scratch");
                fs::create_dir_all(&scratch).map_err(|source| EngineError::Io {
                    what: "make",
                    path: scratch.clone(),
                    source,
                })?;
                let path = self.ground.caller.get("PATH").map(String::as_str).unwrap_or_default();
                let loaded = with_server(home, &installation, &spec, data, |access| {
                    // What makes it in the project may not have run yet.
                    let maintenance =
                        Connection::open(access, ANSWER).and_then(|mut it| it.create_database(database));
                    maintenance.map_err(SnapshotError::Server).map_err(EngineError::of)?;
                    let access = access.with_database(database);
                    let loader = Loader {
                        installation: &installation,
                        path: std::env::split_paths(path).collect(),
                        access: &access,
                        scratch: &scratch,
                        interrupted: self.ground.interrupted,
                    };
                    loader.load(&dump).map_err(|error| self.explained(error))
                });
                made = loaded?.roles;
                backlot_postgres::remove_tree(&scratch).map_err(storage)?;
                if !has_ended_well(data) {
                    return Err(EngineError::of(SnapshotError::Restless));
                }
                Ok::<_, EngineError>(())
            })?;
            Ok::<_, EngineError>(what.clone())
        })?;
        if !made.is_empty() {
            report(Event::Warning(format!(
                "roles that the dump names were made, and cannot log in: {}",
                made.join(", ")
            )));
        }
        Ok(())
    }

    /// Ctrl-C is no fault of the dump's.
    fn explained(&self, error: backlot_dumps::DumpError) -> EngineError {
        match self.ground.go_on() {
            Err(interrupted) => interrupted,
            Ok(()) => EngineError::of(error),
        }
    }
}
