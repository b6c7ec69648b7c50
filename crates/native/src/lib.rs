//! The native engine: an environment's database as a real Postgres server of this machine, its other services as processes
//! under a supervisor.

mod attend;
mod changes;
mod claims;
mod cluster;
mod deployment;
mod down;
mod engine;
mod look;
mod printed;
mod server;
mod stack;
mod stock;
mod summary;
mod supervise;
mod tidy;
mod up;
mod views;

use std::collections::BTreeMap;

use backlot_facts::database::Database;
use backlot_facts::variables::{RunningDatabase, variables};
use backlot_plan::{Port, Storage};
use backlot_postgres::{Access, Installation};
use backlot_process::{Stdout, caller_without_postgres};
use backlot_project::{Environment, ScenarioName, ScenarioSource};
use backlot_state::{DatabaseRecord, EngineError, Ground, LiveDatabase, Purpose, Site, tools};

pub use changes::ChangeError;
pub use claims::{PortError, PortTrouble, Tenant};
pub use deployment::{NativeStack, why_not};
pub use engine::Native;
pub use server::locate;
pub use stack::StackError;
pub use stock::fill_up;
pub use supervise::{guard, supervise};

/// One environment on the native engine.
#[derive(Debug)]
pub struct DatabaseService<'a> {
    ground: Ground<'a>,
    site: Site,
    environment: Environment,
    database: Database,
    scenario: Option<(ScenarioName, ScenarioSource)>,
    dies_with_us: bool,
    stdout: Stdout,
}

impl<'a> DatabaseService<'a> {
    /// The environment, whose database is `database`.
    pub fn new(ground: Ground<'a>, environment: Environment, database: Database) -> Self {
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        let (dies_with_us, stdout) = (false, Stdout::Ours);
        Self { ground, site, environment, database, scenario: None, dies_with_us, stdout }
    }

    /// The same for `purpose`: what has one is never durable, and always on a free port.
    #[must_use]
    fn meant_for(mut self, purpose: Purpose) -> Self {
        self.database.storage = Storage::Throwaway;
        self.database.port = Port::Free;
        match purpose {
            Purpose::Throwaway => {}
            Purpose::Scenario { name, source, stdout } => {
                self.scenario = Some((name, source));
                self.stdout = stdout;
            }
            Purpose::Run { site, .. } => {
                self.site = site;
                self.dies_with_us = true;
            }
        }
        self
    }

    /// The environment's place on disk.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The database as the project's files describe it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The environment's own variables, with the address of its running database.
    pub fn variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        let running = RunningDatabase {
            service: &database.service,
            access: &database.access,
            throwaway: database.volume.is_none(),
        };
        let scenario = self.scenario.as_ref().map(|(name, _)| name.as_str());
        variables(&self.environment, scenario, Some(running))
    }

    /// All variables of a program that runs in the environment: the caller's, the environment's, and the project's
    /// virtual environment first on PATH.
    pub fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        let mut all = caller_without_postgres(self.ground.caller);
        all.extend(self.variables(database));
        tools::with_virtual_environment(self.ground.project.root(), all)
    }

    /// The running environment, as its record tells.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    pub fn running(&self) -> Result<DatabaseRecord, EngineError> {
        running(&self.site)
    }

    fn not_up(&self) -> EngineError {
        EngineError::NotUp { environment: self.site.name().to_owned(), exists: self.site.live().exists() }
    }
}

/// The database server of the environment at `site`.
///
/// # Errors
/// [`EngineError::NotUp`] when it does not run.
pub fn running(site: &Site) -> Result<DatabaseRecord, EngineError> {
    let database = site.record()?.and_then(|record| record.database);
    match database {
        Some(database) if site.is_running()? && database.process.is_alive() => Ok(database),
        Some(_) | None => {
            Err(EngineError::NotUp { environment: site.name().to_owned(), exists: site.live().exists() })
        }
    }
}

/// How to reach a recorded server.
pub fn access(database: &DatabaseRecord) -> Access {
    LiveDatabase::from(database).access
}

/// The programs of a recorded server.
pub fn installation(database: &DatabaseRecord) -> Installation {
    backlot_state::installation(&database.bin_dir, &database.version)
}
