//! A whole stack on the native engine: its database, and its other services under a supervisor.

mod afresh;
mod containers;
mod databases;
mod fault;
mod forks;
mod images;
mod migrating;
mod obstacles;
mod once;
mod packages;
mod planning;
mod published;
mod replacing;
mod restoring;

pub use planning::{not_done, to_fetch};

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use backlot_containers::Client;
use backlot_facts::NoService;
use backlot_facts::database::Database;
use backlot_plan::Removal;
use backlot_project::Environment;
use backlot_stack::{Cast, Containers, Provided, StackError, Translation};
use backlot_state::tools::Litter;
use backlot_state::{
    Beside, DatabaseRecord, Deployment, EngineError, EngineKind, Event, Exec, Ground, LiveDatabase, Packages,
    Purpose, Report, Site, Snapshotting, Started, Taken, Watcher, Wishes, in_words, mark, volume,
};
use backlot_supervisor::{FailureCode, News, Request, Runbook, ServiceReport};
use backlot_view::Rung;

use crate::DatabaseService;
use crate::containers::clear_or_tell;
use crate::deployment::containers::Coming;
use crate::deployment::fault::Fault;
use crate::deployment::published::published;
use crate::down;
use crate::running;
use crate::supervise::{ask, hasten, hire};
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
    /// Those of which the files say what no server can be; the own one first.
    faults: Vec<Fault>,
    throwaway: bool,
    /// What services have of packages: it is looked for once.
    provided: OnceCell<BTreeMap<String, Provided>>,
    /// Whether services may be containers.
    contains: bool,
    /// Who runs those, once somebody has asked; else why nobody does.
    client: OnceCell<Result<Client, String>>,
    /// What Python must not leave in the source tree, once somebody has asked.
    litter: OnceCell<Litter>,
}

impl NativeStack<'_> {
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
            Purpose::Scenario { from, .. } => {
                let from = from.as_ref().map(|from| from.part(&other.database().service));
                DatabaseService { from, ..other.meant_for(Purpose::Throwaway) }
            }
            Purpose::Throwaway => other.meant_for(Purpose::Throwaway),
            Purpose::Run { site, mark } => {
                let site = site.part(&other.database().service);
                other.meant_for(Purpose::Run { site, mark: mark.clone() })
            }
        };
        self.others = self.others.into_iter().map(part).collect();
        let is_alone = self.others.is_empty();
        self.database =
            self.database.map(|database| DatabaseService { is_alone, ..database.meant_for(purpose) });
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

    fn no_database(&self) -> EngineError {
        match self.faults.iter().find(|fault| fault.is_own) {
            Some(fault) => EngineError::of(Arc::clone(&fault.error)),
            None => EngineError::NoDatabase { environment: self.site.name().to_owned() },
        }
    }

    fn why_not(&self, wishes: &Wishes) -> Result<Option<EngineError>, EngineError> {
        NoService::check(&self.environment.stack, wishes.services.iter().chain(wishes.scale.keys()))
            .map_err(StackError::from)?;
        Ok(self.cast(wishes).err())
    }

    fn told(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let cast = self.cast(wishes)?;
        Ok(self.told_of(&cast, wishes).into_iter().chain(self.look_for_forks(&cast, wishes)).collect())
    }

    fn details(&self, wishes: &Wishes) -> Vec<String> {
        self.details_of(wishes)
    }

    fn plan_up(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let (mut cast, _) = self.ready(wishes)?;
        let images = self.image_steps(&mut cast, wishes)?;
        self.look_for_forks(&cast, wishes);
        let before = images.into_iter().chain(self.forks());
        Ok(before.chain(in_words(&self.steps(&cast, wishes)?)).collect())
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

    fn snapshots(&self) -> Result<&dyn Snapshotting, EngineError> {
        Ok(self)
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
        self.ground.home.make(self.ground.home.root())?;
        // Before anything is started or fetched: all that can be known to be wrong.
        let (cast, external) = self.ready(wishes)?;
        let mut cast = self.install_for(cast, wishes, report)?;
        external.iter().try_for_each(|name| volume::disown(self.ground.home, name))?;
        for service in self.database.iter().chain(self.wanted_others(&cast, wishes)) {
            service.fetch_missing(again(wishes, service), report)?;
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
        let told = self.told_of(&cast, wishes).into_iter().chain(self.look_for_forks(&cast, wishes));
        told.for_each(|line| report(Event::Warning(line)));
        let coming = self.begin(&cast, images, Some(&taken))?;
        // Those that go on running take as long as ever: they are told so with what the files say of them now.
        hasten(&self.site, &[], wishes.grace)?;
        let aside = self.put_aside(&taken, wishes, report)?;
        let databases = self.start_databases(&taken, &cast, wishes, report);
        let containers = coming.map(Coming::wait).transpose();
        let has_failed = databases.as_ref().map_or(true, |(started, _)| started.failure.is_some());
        let (mut started, databases) = match aside {
            Some(aside) if has_failed => {
                self.give_up(&cast);
                self.bring_back(&taken, &aside, &cast, report);
                return databases.map(|(started, _)| Started { kept: true, ..started });
            }
            Some(_) => {
                self.drop_aside(&taken)?;
                databases?
            }
            None => databases.inspect_err(|_| self.give_up(&cast))?,
        };
        self.attend_checkout()?;
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
        // What nobody has asked for is in there only if it is all there.
        let translation = Translation { containers: containers.as_ref(), installs: false, ..translation };
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
        let again = self.same_again(&runbook, &named, wishes)?;
        let request = Request::Up { runbook: Box::new(runbook.clone()), services: named, wait: false };
        match ask(&self.site, &request, self.ground.interrupted, news) {
            Ok(_) => self.replace_and_end(&again, wishes, news).map(|()| runbook),
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
        // What nobody has asked for is in there only if it is all there.
        let translation = Translation { containers, installs: false, ..translation };
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
            databases: self.database_names(),
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
            litter: &self.litter,
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
fn again(wishes: &Wishes, service: &DatabaseService<'_>) -> Again {
    let is_meant = wishes.services.is_empty() || wishes.services.contains(&service.database().service);
    Again { fresh: wishes.fresh, restart: !wishes.database_only, anew: wishes.recreate && is_meant }
}

fn endpoints(services: &[ServiceReport]) -> BTreeMap<(String, u16), u16> {
    let of = |service: &ServiceReport| {
        let ports = service.endpoints.iter().map(|endpoint| (endpoint.target, endpoint.address.port));
        ports.map(|(target, port)| ((service.name.clone(), target), port)).collect::<Vec<_>>()
    };
    // The first of each port is the one of this machine for itself.
    services.iter().flat_map(of).rev().collect()
}
