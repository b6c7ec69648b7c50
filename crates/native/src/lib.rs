//! The native engine: an environment's database as a real Postgres server of this machine, its other services as processes
//! under a supervisor.

mod anywhere;
mod aside;
mod attend;
mod begun;
mod beside;
mod changes;
mod claims;
mod cluster;
mod containers;
mod copying;
mod deployment;
mod doing;
mod down;
mod engine;
mod filling;
mod forking;
mod loading;
mod look;
mod made;
mod migrate;
mod printed;
mod programs;
mod resetting;
mod server;
mod snapshots;
mod stock;
mod summary;
mod supervise;
mod tidy;
mod up;
mod upgrade;
mod views;
mod wal;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use backlot_facts::address::{Address, HERE};
use backlot_facts::database::Database;
use backlot_facts::own;
use backlot_facts::variables::{RunningDatabase, variables};
use backlot_plan::{Port, Storage};
use backlot_postgres::Installation;
use backlot_process::{Stdout, caller_without_postgres};
use backlot_project::{Environment, ScenarioName, ScenarioSource};
use backlot_state::{DatabaseRecord, EngineError, Ground, LiveDatabase, Packages, Purpose, Site, tools};

pub use anywhere::is_so_on_all;
pub use changes::ChangeError;
pub use claims::{PortError, PortErrors, PortTrouble, Tenant, tenant_of};
pub use containers::{images_of, remove_images};
pub use deployment::{NativeStack, not_done, rung, to_fetch};
pub use engine::Native;
pub use stock::{fill_up, needed as needed_templates, room as room_for_templates};
pub use summary::glance;
pub use supervise::{guard, supervise};
pub use tidy::tidy;
pub use upgrade::{VolumeUpgradeError, upgrade_volume};

use crate::made::Fork;

/// A Postgres service of an environment.
#[derive(Debug)]
pub struct DatabaseService<'a> {
    ground: Ground<'a>,
    site: Site,
    environment: Environment,
    database: Database,
    scenario: Option<(ScenarioName, ScenarioSource)>,
    dies_with_us: bool,
    /// Where the server is whose data it begins with.
    from: Option<Site>,
    /// The database of the main checkout that it begins with, once that was looked for.
    fork: OnceCell<Fork>,
    /// Whether it is the only one of its environment.
    is_alone: bool,
    stdout: Stdout,
    /// What of packages a file that fills it has.
    packages: OnceCell<Vec<Packages>>,
}

impl<'a> DatabaseService<'a> {
    /// The service `database` of the environment, at `site`.
    fn new(ground: Ground<'a>, site: Site, environment: Environment, database: Database) -> Self {
        let (dies_with_us, from, is_alone, stdout) = (false, None, true, Stdout::Ours);
        let (packages, fork) = (OnceCell::new(), OnceCell::new());
        Self {
            ground,
            site,
            environment,
            database,
            scenario: None,
            dies_with_us,
            from,
            fork,
            is_alone,
            stdout,
            packages,
        }
    }

    /// The same for `purpose`: what has one is never durable, and always on a free port.
    #[must_use]
    fn meant_for(mut self, purpose: Purpose) -> Self {
        self.database.storage = Storage::Throwaway;
        self.database.port = Port::Free;
        match purpose {
            Purpose::Throwaway => {}
            Purpose::Scenario { name, source, stdout, from } => {
                self.from = from;
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

    fn fork(&self) -> Option<&Fork> {
        self.fork.get()
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
        let others = others(&self.site);
        let others: Vec<Address<'_>> = others.iter().map(|other| address(other, &[])).collect();
        variables(&self.environment, scenario, Some(running), &others)
    }

    /// All variables of a program that runs in the environment: the caller's, the environment's, and the project's
    /// virtual environment first on PATH.
    pub fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        let mut all = caller_without_postgres(self.ground.caller);
        all.extend(self.variables(database));
        let (stack, root) = (&self.environment.stack, self.ground.project.root());
        if let Some(own) = own::only(stack, root).filter(|_| !self.environment.for_all) {
            let is_throwaway = database.volume.is_none();
            let here: &[&str] = if is_throwaway { &HERE } else { &[] };
            all.extend(own::variables(&own, stack, Some(database.address(here)), is_throwaway));
        }
        let all = tools::with_virtual_environment(self.ground.project.root(), all);
        let all = tools::with_psql(database.programs.as_ref(), all);
        Packages::in_front(self.packages.get().map(Vec::as_slice).unwrap_or_default(), all)
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

/// All database servers of the environment at `site` that run, the environment's own first.
///
/// # Errors
/// When the state of the environment cannot be read.
pub(crate) fn all_running(site: &Site) -> Result<Vec<DatabaseRecord>, EngineError> {
    let own = match running(site) {
        Ok(database) => Some(database),
        Err(EngineError::NotUp { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(own.into_iter().chain(others(site)).collect())
}

/// Those that run beside the environment's own.
fn others(site: &Site) -> Vec<DatabaseRecord> {
    site.parts().iter().filter_map(|part| running(part).ok()).collect()
}

/// The database server of `service` that runs.
pub(crate) fn running_service(site: &Site, service: &str) -> Result<DatabaseRecord, EngineError> {
    match running(site) {
        Ok(database) if database.service == service => Ok(database),
        Ok(_) | Err(EngineError::NotUp { .. }) => running(&site.part(service)),
        Err(error) => Err(error),
    }
}

/// Where other services find a server.
pub(crate) fn address<'r>(database: &'r DatabaseRecord, here: &'r [&'r str]) -> Address<'r> {
    Address { service: &database.service, host: "127.0.0.1", port: database.port, here }
}

/// The programs of a recorded server.
pub fn installation(database: &DatabaseRecord) -> Installation {
    backlot_state::installation(database)
}
