//! A whole stack on the native engine: its database, and its other services under a supervisor.

use std::collections::BTreeMap;

use backlot_plan::Step;
use backlot_project::Environment;
use backlot_supervisor::{FailureCode, News, Request, Runbook, ServiceReport};

use crate::error::EngineError;
use crate::event::{Event, Report};
use crate::native::stack::{StackError, Translation};
use crate::native::supervise::{ask, hire};
use crate::native::views::status;
use crate::native::{Failure, Ground, Native, down};
use crate::record::{DatabaseRecord, EngineKind, Filling, Record, VERSION};
use crate::site::{Site, Taken};

/// A stack as it is to run.
#[derive(Debug)]
pub struct Whole<'a> {
    ground: Ground<'a>,
    environment: Environment,
    site: Site,
    native: Option<Native<'a>>,
    throwaway: bool,
}

/// What an `up` is asked for besides.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The services to run, with all that they depend on; none named means all.
    pub services: Vec<String>,
    /// How many replicas of a service run, where that is not what the files say.
    pub scale: BTreeMap<String, u32>,
    /// Make a throw-away environment anew.
    pub fresh: bool,
}

/// A stack that is on its way up.
#[derive(Debug)]
pub struct Started {
    /// Its database, if it has one.
    pub database: Option<DatabaseRecord>,
    /// Whether the database was up already.
    pub was_up: bool,
    /// The failure of what should have filled it: then no service was started.
    pub failure: Option<Failure>,
    /// How far the filling came.
    pub filling: Filling,
    /// What runs, if there is a service beside the database.
    pub runbook: Option<Runbook>,
}

impl<'a> Whole<'a> {
    /// The stack of `environment`; `native` is its database, if it has one.
    pub fn new(ground: Ground<'a>, environment: Environment, native: Option<Native<'a>>) -> Self {
        let site = match &native {
            Some(native) => native.site().clone(),
            None => Site::new(ground.home, ground.project, environment.name.as_str()),
        };
        let throwaway = native.as_ref().is_some_and(|native| native.scenario.is_some());
        Self { ground, environment, site, native, throwaway }
    }

    /// The environment's place on disk.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The steps that [`Whole::up`] would carry out now.
    ///
    /// # Errors
    /// When what is there cannot be read, or a service cannot run natively.
    pub fn plan_up(&self, wishes: &Wishes) -> Result<(Vec<Step>, Vec<String>), EngineError> {
        let steps = match &self.native {
            Some(native) => native.plan_up(wishes.fresh)?,
            None => Vec::new(),
        };
        let services = self.services(wishes)?;
        let then =
            if services.is_empty() { Vec::new() } else { vec![format!("start {}", services.join(", "))] };
        Ok((steps, then))
    }

    /// Why the services that an `up` would run cannot run natively, if they cannot; known from the files alone.
    ///
    /// # Errors
    /// For a service that is not there.
    pub fn why_not(&self, wishes: &Wishes) -> Result<Option<StackError>, EngineError> {
        match self.translation(None, wishes, BTreeMap::new()).services(&wishes.services) {
            Ok(_) => Ok(None),
            Err(error @ StackError::NoService { .. }) => Err(error.into()),
            Err(error) => Ok(Some(error)),
        }
    }

    /// The services beside the database that an `up` runs, by name.
    fn services(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        let database = self.native.as_ref().map(|native| native.database().service.as_str());
        let names = self.translation(None, wishes, BTreeMap::new()).services(&wishes.services)?;
        Ok(names.into_iter().filter(|name| Some(name.as_str()) != database).collect())
    }

    /// Brings the stack up: the database first, and then the other services, which are on their way when this returns.
    ///
    /// # Errors
    /// When something cannot be started at all; then what this call made is taken away again.
    pub fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        // Before anything is started: what can be known to be wrong from the files alone.
        let beside = self.services(wishes)?;
        let taken = self.site.take()?;
        let mut started = self.start_database(&taken, wishes, report)?;
        // What runs beside the database is told even if the file has nothing any more that does: it is to stop.
        let to_stop = wishes.services.is_empty() && self.site.is_supervised()?;
        if started.failure.is_some() || (beside.is_empty() && !to_stop) {
            return Ok(started);
        }
        let outcome = self.start_services(taken, wishes, started.database.as_ref(), report, news);
        match outcome {
            Ok(runbook) => {
                started.runbook = Some(runbook);
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

    fn start_database(
        &self,
        taken: &Taken,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<Started, EngineError> {
        let Some(native) = &self.native else {
            let was_up = self.site.record()?.is_some();
            if !was_up {
                self.record_without_database(taken)?;
            }
            return Ok(Started {
                database: None,
                was_up,
                failure: None,
                filling: Filling::None,
                runbook: None,
            });
        };
        let up = native.up_taken(taken, wishes.fresh, report)?;
        Ok(Started {
            database: Some(up.database),
            was_up: up.was_up,
            failure: up.failure,
            filling: up.record.filling,
            runbook: None,
        })
    }

    fn record_without_database(&self, taken: &Taken) -> Result<(), EngineError> {
        taken.make_live()?;
        let record = Record {
            version: VERSION,
            project: self.ground.project.root().to_owned(),
            environment: self.environment.name.to_string(),
            scenario: None,
            engine: EngineKind::Native,
            created: super::now(),
            filling: Filling::None,
            database: None,
        };
        record
            .write(&self.site.record_path())
            .map_err(|source| EngineError::Record { environment: self.site.name().to_owned(), source })
    }

    fn start_services(
        &self,
        taken: Taken,
        wishes: &Wishes,
        database: Option<&DatabaseRecord>,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Runbook, EngineError> {
        taken.make_live()?;
        let current = self.current()?;
        let runs = !current.is_empty() || self.site.is_supervised()?;
        let ports = endpoints(&current);
        let translation = self.translation(database, wishes, ports);
        let runbook = translation.runbook()?;
        if !runs {
            hire(self.ground.home, &taken, &runbook, &wishes.services, self.ground.interrupted)?;
            return Ok(runbook);
        }
        // The supervisor takes the environment itself when it starts the database again.
        drop(taken);
        let request = Request::Up {
            runbook: Box::new(runbook.clone()),
            services: wishes.services.clone(),
            wait: false,
        };
        match ask(&self.site, &request, self.ground.interrupted, news) {
            Ok(_) => Ok(runbook),
            Err(EngineError::Supervisor(failure)) if failure.code == FailureCode::Structure => {
                report(Event::Warning(format!("{}: all services are started anew", failure.text)));
                let taken = self.site.take()?;
                super::supervise::stop(&self.site)?;
                if let Some(native) = &self.native {
                    native.up_taken(&taken, false, report)?;
                }
                hire(self.ground.home, &taken, &runbook, &wishes.services, self.ground.interrupted)?;
                Ok(runbook)
            }
            Err(error) => Err(error),
        }
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
        database: Option<&'b DatabaseRecord>,
        wishes: &'b Wishes,
        current: BTreeMap<(String, u16), u16>,
    ) -> Translation<'b> {
        let scenario = self.native.as_ref().and_then(|native| native.scenario.as_ref());
        Translation {
            environment: &self.environment,
            root: self.ground.project.root(),
            caller: self.ground.caller,
            database,
            database_service: self.native.as_ref().map(|native| native.database().service.as_str()),
            scenario: scenario.map(|(name, _)| name.as_str()),
            site: &self.site,
            throwaway: self.throwaway,
            scale: &wishes.scale,
            current,
        }
    }
}

fn endpoints(services: &[ServiceReport]) -> BTreeMap<(String, u16), u16> {
    let port = |address: &str| address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    services
        .iter()
        .flat_map(|service| service.endpoints.iter().map(move |endpoint| (service, endpoint)))
        .filter_map(|(service, endpoint)| {
            Some(((service.name.clone(), endpoint.target), port(&endpoint.address)?))
        })
        .collect()
}
