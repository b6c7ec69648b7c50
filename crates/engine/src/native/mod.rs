//! The native engine: an environment's database as a real Postgres server of this machine.

mod changes;
mod claims;
mod down;
mod look;

pub(crate) mod mark;

mod server;
pub(crate) mod stack;
mod stock;
mod supervise;

mod tidy;

mod up;
mod views;
mod whole;

use std::collections::BTreeMap;

use backlot_plan::{Port, Storage};
use backlot_postgres::{Access, Installation};
use backlot_process::{Stdout, caller_without_postgres};
use backlot_project::{Environment, ScenarioName, ScenarioSource};

use crate::error::EngineError;
use crate::facts::database::Database;
use crate::ground::Ground;
use crate::live::LiveDatabase;
use crate::record::DatabaseRecord;
use crate::site::Site;
use crate::tools;
use crate::variables::{RunningDatabase, variables};

pub use changes::ChangeError;
pub use claims::{PortError, PortTrouble, Tenant};
pub use server::locate;
pub use stack::StackError;
pub use stock::fill_up;
pub use supervise::{guard, supervise};

pub(crate) use down::{down, plan_down};
pub(crate) use supervise::{ask, connect};
pub(crate) use views::{database_alone, describe, log_query, services_with_logs, status};
pub(crate) use whole::Whole;

/// One environment on the native engine.
#[derive(Debug)]
pub struct Native<'a> {
    ground: Ground<'a>,
    site: Site,
    environment: Environment,
    database: Database,
    scenario: Option<(ScenarioName, ScenarioSource)>,
    dies_with_us: bool,
    stdout: Stdout,
}

impl<'a> Native<'a> {
    /// The environment, whose database is `database`.
    pub fn new(ground: Ground<'a>, environment: Environment, database: Database) -> Self {
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        let (dies_with_us, stdout) = (false, Stdout::Ours);
        Self { ground, site, environment, database, scenario: None, dies_with_us, stdout }
    }

    /// The same environment as the scenario `name`: filled by `source`, always on a free port, never durable.
    #[must_use]
    pub fn into_scenario(mut self, name: ScenarioName, source: ScenarioSource) -> Self {
        self.scenario = Some((name, source));
        self.into_throwaway()
    }

    /// The same environment, but nothing of it outlives it, and it takes no port that somebody else may want.
    #[must_use]
    pub fn into_throwaway(mut self) -> Self {
        self.database.storage = Storage::Throwaway;
        self.database.port = Port::Free;
        self
    }

    /// The same environment as one of several at once, which ends with us.
    #[must_use]
    fn for_run(mut self, site: Site) -> Self {
        self.site = site;
        self.dies_with_us = true;
        self
    }

    /// Sends what a scenario prints to `stdout`.
    #[must_use]
    pub fn printing_to(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
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
pub(crate) fn running(site: &Site) -> Result<DatabaseRecord, EngineError> {
    let database = site.record()?.and_then(|record| record.database);
    match database {
        Some(database) if site.is_running()? && database.process.is_alive() => Ok(database),
        Some(_) | None => {
            Err(EngineError::NotUp { environment: site.name().to_owned(), exists: site.live().exists() })
        }
    }
}

/// How to reach a recorded server.
pub(crate) fn access(database: &DatabaseRecord) -> Access {
    LiveDatabase::from(database).access
}

/// The programs of a recorded server.
pub(crate) fn installation(database: &DatabaseRecord) -> Installation {
    crate::live::installation(&database.bin_dir, &database.version)
}
