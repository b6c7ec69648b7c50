//! A whole stack on the native engine: its database, and its other services under a supervisor.

mod containers;
mod databases;
mod migrating;
mod once;
mod packages;
mod planning;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use backlot_containers::Client;
use backlot_facts::NoService;
use backlot_facts::database::Database;
use backlot_plan::Removal;
use backlot_project::Environment;
use backlot_project::keys::Level;
use backlot_stack::{Cast, Containers, Provided, StackError, Translation};
use backlot_state::{
    Beside, DatabaseRecord, Deployment, EngineError, EngineKind, Event, Exec, Ground, LiveDatabase, Packages,
    Purpose, Report, Site, Started, Taken, Watcher, Wishes, in_words, mark, volume,
};
use backlot_supervisor::{FailureCode, News, PortRun, Request, Runbook, ServiceReport};
use backlot_view::Rung;

use crate::DatabaseService;
use crate::containers::clear_or_tell;
use crate::deployment::containers::Coming;
use crate::down;
use crate::programs;
use crate::running;
use crate::supervise::{ask, hire};
use crate::tidy;
use crate::up::Again;
use crate::views::status;

/// A stack as it is to run.
#[derive(Debug)]
pub struct NativeStack<'a> {
    ground: Ground<'a>,
    environment: Environment,
    site: Site,
    /// The environment's own database.
    database: Option<DatabaseService<'a>>,
    /// Further ones.
    others: Vec<DatabaseService<'a>>,
    throwaway: bool,
    /// What services have of packages: it is looked for once.
    provided: OnceCell<BTreeMap<String, Provided>>,
    /// Whether services may be containers.
    contains: bool,
    /// Who runs those, once somebody has asked; else why nobody does.
    client: OnceCell<Result<Client, String>>,
}

impl<'a> NativeStack<'a> {
    /// The stack of `environment`; if it `contains`, what only images know runs as containers beside the rest.
    ///
    /// # Errors
    /// When the files say of its database what no server can be.
    pub fn new(ground: Ground<'a>, environment: Environment, contains: bool) -> Result<Self, EngineError> {
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        let service = |site: Site, database| -> Result<_, EngineError> {
            let database = programs::asked_for(ground, database)?;
            Ok(DatabaseService::new(ground, site, environment.clone(), database))
        };
        let database = Database::of(&environment)?.map(|database| service(site.clone(), database));
        let database = database.transpose()?;
        let others = Database::others(&environment)?.into_iter();
        let others = others.map(|database| service(site.part(&database.service), database));
        let others = others.collect::<Result<_, _>>()?;
        let (client, provided) = (OnceCell::new(), OnceCell::new());
        let throwaway = false;
        Ok(Self { ground, environment, site, database, others, throwaway, provided, contains, client })
    }

    /// Whether it is known that there are no containers to be had.
    pub fn has_no_containers(&self) -> bool {
        self.no_containers().is_some()
    }
}

impl<'a> Deployment<'a> for NativeStack<'a> {
    fn meant_for(mut self: Box<Self>, purpose: Purpose) -> Box<dyn Deployment<'a> + 'a> {
        self.throwaway = true;
        if let Purpose::Run { site, .. } = &purpose {
            self.site = site.clone();
        }
        let part = |other: DatabaseService<'a>| match &purpose {
            Purpose::Scenario { .. } | Purpose::Throwaway => other.meant_for(Purpose::Throwaway),
            Purpose::Run { site, mark } => {
                let site = site.part(&other.database().service);
                other.meant_for(Purpose::Run { site, mark: mark.clone() })
            }
        };
        self.others = self.others.into_iter().map(part).collect();
        self.database = self.database.map(|database| database.meant_for(purpose));
        self
    }

    fn kind(&self) -> EngineKind {
        EngineKind::Native
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn database(&self) -> Option<&Database> {
        self.database.as_ref().map(DatabaseService::database)
    }

    fn why_not(&self, wishes: &Wishes) -> Result<Option<EngineError>, EngineError> {
        NoService::check(&self.environment.stack, wishes.services.iter().chain(wishes.scale.keys()))
            .map_err(StackError::from)?;
        Ok(self.cast(wishes).err())
    }

    fn told(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        Ok(self.told_of(&self.cast(wishes)?, wishes))
    }

    fn plan_up(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let images = self.image_steps(&self.cast(wishes)?, wishes)?;
        Ok(images.into_iter().chain(in_words(&self.steps(wishes)?)).collect())
    }

    fn plan_end_of_run(&self) -> Vec<String> {
        in_words(&[Removal::StopServer, Removal::Files])
    }

    fn watch(&self) -> Result<Option<Watcher>, EngineError> {
        Ok(None)
    }

    fn running(&self) -> Result<LiveDatabase, EngineError> {
        running(&self.site).map(|record| (&record).into())
    }

    fn variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        self.database.as_ref().map(|service| service.variables(database)).unwrap_or_default()
    }

    fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        self.database.as_ref().map(|service| service.process_variables(database)).unwrap_or_default()
    }

    fn packages(&self, services: &[String]) -> Result<Vec<Packages>, EngineError> {
        self.packages_of(services)
    }

    fn install(&self, services: &[String], report: Report<'_>) -> Result<Vec<Packages>, EngineError> {
        self.install_of(services, report)
    }

    fn once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        self.run_once(beside, needs, report, news)
    }

    fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        // Before anything is started: what can be known to be wrong from the files alone.
        let cast = self.cast(wishes)?;
        let mut cast = self.install_for(cast, wishes, report)?;
        for name in self.check_volumes(&cast.services)? {
            volume::disown(self.ground.home, &name)?;
        }
        for service in self.database.iter().chain(self.wanted_others(&cast, wishes)) {
            service.fetch_missing(again(wishes), report)?;
        }
        let images = self.bring_images(&mut cast, wishes, report)?;
        tidy::sweep(&self.site);
        let taken = self.site.take()?;
        taken.tidy()?;
        if !self.site.is_supervised()? {
            mark::take_over(&taken)?;
            clear_or_tell(&taken, false, report);
        }
        self.check_ports(&cast, wishes)?;
        self.told_of(&cast, wishes).into_iter().for_each(|line| report(Event::Warning(line)));
        let coming = self.begin(&cast, images, Some(&taken))?;
        let databases = self.start_databases(&taken, &cast, wishes, report);
        let containers = coming.map(Coming::wait).transpose();
        let (mut started, databases) = databases.inspect_err(|_| self.give_up(&cast))?;
        // What runs beside the database is told even if the file has nothing any more that does: it is to stop.
        let to_stop = wishes.services.is_empty() && self.site.is_supervised()?;
        if started.failure.is_some() || !(self.is_watched(&cast, wishes) || to_stop) {
            return Ok(started);
        }
        let outcome = self.start_services(taken, (&cast, wishes), (&databases, containers), report, news);
        match outcome {
            Ok(runbook) => {
                started.published = published(&runbook, &cast);
                started.has_services = true;
                Ok(started)
            }
            Err(error) => {
                if !started.was_up
                    && !self.site.is_supervised()?
                    && let Ok(taken) = self.site.take()
                {
                    down::undo(&taken, report);
                }
                Err(error)
            }
        }
    }
}

impl NativeStack<'_> {
    /// The environment's name.
    pub(super) fn environment_name(&self) -> String {
        self.environment.name.to_string()
    }

    fn start_services(
        &self,
        taken: Taken,
        (cast, wishes): (&Cast, &Wishes),
        (databases, containers): (&[DatabaseRecord], Result<Option<Containers>, EngineError>),
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Runbook, EngineError> {
        taken.make_live()?;
        let current = self.current()?;
        let runs = !current.is_empty() || self.site.is_supervised()?;
        let ports = endpoints(&current);
        let translation = self.translation(databases, wishes, ports.clone());
        let containers = containers?;
        let translation = Translation { containers: containers.as_ref(), ..translation };
        self.make_places(&translation, cast)?;
        let runbook = translation.runbook(&cast.services)?;
        translation.unreached().into_iter().for_each(|line| report(Event::Warning(line)));
        let named = self.named(wishes);
        if !runs {
            hire(self.ground.home, &taken, &runbook, &named, self.ground.interrupted)?;
            return Ok(runbook);
        }
        // The supervisor takes the environment itself when it starts the database again.
        drop(taken);
        let request = Request::Up { runbook: Box::new(runbook.clone()), services: named, wait: false };
        match ask(&self.site, &request, self.ground.interrupted, news) {
            Ok(_) => Ok(runbook),
            Err(EngineError::Supervisor(failure))
                if matches!(failure.code, FailureCode::Structure | FailureCode::Stopping) =>
            {
                report(Event::Warning(format!("{}: all services are started anew", failure.text)));
                self.start_anew((cast, wishes), ports, containers.as_ref(), report)
            }
            // It has ended between our look and our question.
            Err(EngineError::NoServices { .. }) => {
                self.start_anew((cast, wishes), ports, containers.as_ref(), report)
            }
            Err(error) => Err(error),
        }
    }

    /// Stops what a supervisor runs, or waits until it has done that, and starts another one.
    fn start_anew(
        &self,
        (cast, wishes): (&Cast, &Wishes),
        ports: BTreeMap<(String, u16), u16>,
        containers: Option<&Containers>,
        report: Report<'_>,
    ) -> Result<Runbook, EngineError> {
        let taken = self.site.take()?;
        super::supervise::stop(&self.site)?;
        // They may be others than before.
        let kept = Wishes { fresh: false, database_only: false, ..wishes.clone() };
        let (_, databases) = self.start_databases(&taken, cast, &kept, report)?;
        let translation = self.translation(&databases, wishes, ports);
        let translation = Translation { containers, ..translation };
        let runbook = translation.runbook(&cast.services)?;
        hire(self.ground.home, &taken, &runbook, &self.named(wishes), self.ground.interrupted)?;
        Ok(runbook)
    }

    /// The services that a supervisor runs now.
    fn current(&self) -> Result<Vec<ServiceReport>, EngineError> {
        match status(&self.site) {
            Ok(services) => Ok(services),
            Err(EngineError::NoServices { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn translation<'b>(
        &'b self,
        running: &'b [DatabaseRecord],
        wishes: &'b Wishes,
        current: BTreeMap<(String, u16), u16>,
    ) -> Translation<'b> {
        let scenario = self.database.as_ref().and_then(|service| service.scenario.as_ref());
        Translation {
            environment: &self.environment,
            root: self.ground.project.root(),
            caller: self.ground.caller,
            nginx: backlot_nginx::locate(self.ground.caller.get("PATH").map(String::as_str)),
            running,
            most: most(self.ground.caller),
            databases: self.databases().map(|service| service.database().service.as_str()).collect(),
            scenario: scenario.map(|(name, _)| name.as_str()),
            site: &self.site,
            throwaway: self.throwaway,
            scale: &wishes.scale,
            current,
            contains: false,
            no_containers: None,
            containers: None,
            writes: true,
            provided: self.provided(),
            installs: !wishes.no_install,
        }
    }
}

/// How much of a view services have.
pub fn rung(caller: &BTreeMap<String, String>) -> Rung {
    most(caller).min(backlot_view::rung())
}

/// How much of a view services are to have: all that this machine can give, or less where `BACKLOT_VIEW` says so, as on machines
/// that can give no more.
fn most(caller: &BTreeMap<String, String>) -> Rung {
    match caller.get("BACKLOT_VIEW").map(String::as_str) {
        // Names are in a file of the view's own: there are no addresses without mounts.
        Some("2" | "4") => Rung::None,
        Some("3") => Rung::Mounts,
        Some(_) | None => Rung::Whole,
    }
}

/// What an `up` does to a database that is there: a command that only needs it takes it as it runs.
fn again(wishes: &Wishes) -> Again {
    Again { fresh: wishes.fresh, restart: !wishes.database_only }
}

/// The ports at which those services of `cast` are published that are beside the database.
fn published(runbook: &Runbook, cast: &Cast) -> Vec<(String, u16)> {
    let beside = runbook
        .services
        .iter()
        .filter(|service| cast.services.contains(&service.name) && service.database_port().is_none());
    let ports = beside.flat_map(|service| {
        let ports = service.process().ports.iter().flat_map(PortRun::published_at);
        ports.map(|address| (service.name.clone(), address.port()))
    });
    ports.collect()
}

fn endpoints(services: &[ServiceReport]) -> BTreeMap<(String, u16), u16> {
    let of = |service: &ServiceReport| {
        let ports = service.endpoints.iter().map(|endpoint| (endpoint.target, endpoint.address.port));
        ports.map(|(target, port)| ((service.name.clone(), target), port)).collect::<Vec<_>>()
    };
    // The first of each port is the one of this machine for itself.
    services.iter().flat_map(of).rev().collect()
}

/// What of the files of `environment` is not done natively, a line each, whether its services can run here or not.
///
/// # Errors
/// When the files say of its database what no server can be.
pub fn not_done(ground: Ground<'_>, environment: Environment) -> Result<Vec<String>, EngineError> {
    let stack = NativeStack::new(ground, environment, false)?;
    let (services, wishes) = (stack.environment.stack.with_dependencies(&[]), Wishes::default());
    let translation = stack.translation(&[], &wishes, BTreeMap::new());
    // What would run as a container, wherever there are some.
    let contained = translation.containers_among(&services);
    let levels = [Level::Error, Level::Warning];
    let keys = levels.map(|level| translation.unhonoured(&services, &contained, level)).concat();
    let volumes = translation.unmounted(services.difference(&contained));
    Ok(keys.into_iter().chain(volumes).chain(stack.notes(&services)).collect())
}

/// What an `up` of `environment` would have to fetch, a line each.
///
/// # Errors
/// When a server is not here and cannot be fetched.
pub fn to_fetch(ground: Ground<'_>, environment: Environment) -> Result<Vec<String>, EngineError> {
    programs::missing(NativeStack::new(ground, environment, false)?.databases())
}
