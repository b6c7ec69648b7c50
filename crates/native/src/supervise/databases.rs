//! What the supervisor is told of Postgres.

use std::time::Duration;

use backlot_postgres::{Access, Connection, is_recovering};
use backlot_process::{ProcessId, in_full};
use backlot_state::{EngineError, Home, Site};
use backlot_supervisor::Databases;

use crate::access;
use crate::running;
use crate::server;

/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";

/// The one server of an environment.
#[derive(Debug)]
pub(super) struct SiteDatabases {
    pub(super) home: Home,
    pub(super) site: Site,
}

impl SiteDatabases {
    fn start_or_find(&self) -> Result<ProcessId, EngineError> {
        // The usual case needs no lock: whoever started us may still hold it.
        if let Ok(database) = running(&self.site) {
            return Ok(database.process);
        }
        let taken = self.site.take()?;
        if let Ok(database) = running(&self.site) {
            return Ok(database.process);
        }
        let not_up = || EngineError::NotUp { environment: self.site.name().to_owned(), exists: true };
        let record = self.site.record()?.ok_or_else(not_up)?;
        server::restart(&self.home, &taken, &record)
    }

    fn ask(&self, limit: Duration) -> Result<(), EngineError> {
        let database = running(&self.site)?;
        // The application's database may not have been created yet.
        let maintenance = Access { database: MAINTENANCE.into(), ..access(&database) };
        Connection::open(&maintenance, limit)?.query_one_text("SELECT 1")?;
        Ok(())
    }
}

impl Databases for SiteDatabases {
    fn start(&self, _service: &str) -> Result<ProcessId, String> {
        self.start_or_find().map_err(|error| in_full(&error))
    }

    fn check(&self, _service: &str, limit: Duration) -> Result<(), String> {
        self.ask(limit).map_err(|error| in_full(&error))
    }

    fn has_to_end_at_once(&self, postmaster: ProcessId) -> bool {
        is_recovering(postmaster)
    }
}
