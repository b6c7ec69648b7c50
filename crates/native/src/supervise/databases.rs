//! What the supervisor is told of Postgres.

use std::time::Duration;

use backlot_postgres::{Access, Connection, is_recovering};
use backlot_process::{ProcessId, in_full};
use backlot_state::{EngineError, Home, Site};
use backlot_supervisor::Databases;

use crate::running;
use crate::server;

/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";

/// The servers of an environment.
#[derive(Debug)]
pub(super) struct SiteDatabases {
    pub(super) home: Home,
    pub(super) site: Site,
}

impl SiteDatabases {
    /// The place of the server of `service`.
    fn site_of(&self, service: &str) -> Site {
        let part = self.site.part(service);
        if part.dir().is_dir() { part } else { self.site.clone() }
    }

    fn start_or_find(&self, service: &str) -> Result<ProcessId, EngineError> {
        let site = self.site_of(service);
        // The usual case needs no lock: whoever started us may still hold it.
        if let Ok(database) = running(&site)
            && !server::cluster_of(&database).is_stopping()
        {
            return Ok(database.process);
        }
        let taken = site.take()?;
        server::settle(&taken)?;
        if let Ok(database) = running(&site) {
            return Ok(database.process);
        }
        let not_up = || EngineError::NotUp { environment: site.name().to_owned(), exists: true };
        let record = site.record()?.ok_or_else(not_up)?;
        server::restart(&self.home, &taken, &record)
    }

    fn ask(&self, service: &str, limit: Duration) -> Result<(), EngineError> {
        let database = running(&self.site_of(service))?;
        // The application's database may not have been created yet.
        let maintenance = Access { database: MAINTENANCE.into(), ..database.access() };
        Connection::open(&maintenance, limit)?.query_one_text("SELECT 1")?;
        Ok(())
    }
}

impl Databases for SiteDatabases {
    fn start(&self, service: &str) -> Result<ProcessId, String> {
        self.start_or_find(service).map_err(|error| in_full(&error))
    }

    fn check(&self, service: &str, limit: Duration) -> Result<(), String> {
        self.ask(service, limit).map_err(|error| in_full(&error))
    }

    fn has_to_end_at_once(&self, postmaster: ProcessId) -> bool {
        is_recovering(postmaster)
    }
}
