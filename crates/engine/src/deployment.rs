//! An environment on the engine that is to run it.

use std::collections::BTreeMap;

use backlot_process::Stdout;
use backlot_project::{Environment, ScenarioName, ScenarioSource};
use backlot_supervisor::News;

use crate::database::Database;
use crate::docker;
use crate::engine::{Engine, in_words};
use crate::error::EngineError;
use crate::event::Report;
use crate::ground::Ground;
use crate::live::LiveDatabase;
use crate::native::{Native, StackError, Watcher, Whole, locate};
use crate::record::EngineKind;
use crate::site::Site;
use crate::up::{Started, Wishes};
use crate::volume;

/// An environment on the engine that is to run it.
#[derive(Debug)]
pub enum Deployment<'a> {
    /// As processes of this machine.
    Native(Box<Whole<'a>>),
    /// On Docker.
    Docker(Box<docker::Deployment<'a>>),
}

impl<'a> Deployment<'a> {
    /// The environment on the engine `kind`.
    ///
    /// # Errors
    /// When its files say what that engine cannot do, or another engine runs it.
    pub fn new(kind: EngineKind, ground: Ground<'a>, environment: Environment) -> Result<Self, EngineError> {
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        Engine::of(&site, Some(kind), ground.caller)?;
        Ok(match kind {
            EngineKind::Native => {
                let database = Database::of(&environment)?;
                let native = database.map(|database| Native::new(ground, environment.clone(), database));
                Self::Native(Box::new(Whole::new(ground, environment, native)))
            }
            EngineKind::Docker => {
                let database = Database::in_container(&environment)?;
                Self::Docker(Box::new(docker::Deployment::new(ground, environment, database)?))
            }
        })
    }

    /// The same environment as the scenario `name`: filled by `source`, always on free ports, never durable.
    #[must_use]
    pub fn as_scenario(self, name: ScenarioName, source: ScenarioSource) -> Self {
        match self {
            Self::Native(whole) => Self::Native(Box::new(whole.as_scenario(name, source))),
            Self::Docker(docker) => Self::Docker(Box::new(docker.as_scenario(name, source))),
        }
    }

    /// The same environment, but nothing of it outlives it, and it takes no port that somebody else may want.
    #[must_use]
    pub fn as_throwaway(self) -> Self {
        match self {
            Self::Native(whole) => Self::Native(Box::new(whole.as_throwaway())),
            Self::Docker(docker) => Self::Docker(Box::new(docker.as_throwaway())),
        }
    }

    /// The same environment as one of several at once, which ends with us.
    #[must_use]
    pub(crate) fn for_run(self, site: Site, mark: &str) -> Self {
        match self {
            Self::Native(whole) => Self::Native(Box::new(whole.for_run(site))),
            Self::Docker(docker) => Self::Docker(Box::new(docker.for_run(site, mark))),
        }
    }

    /// Sends what a scenario prints to `stdout`.
    #[must_use]
    pub fn printing_to(self, stdout: Stdout) -> Self {
        match self {
            Self::Native(whole) => Self::Native(Box::new(whole.printing_to(stdout))),
            Self::Docker(docker) => Self::Docker(Box::new(docker.printing_to(stdout))),
        }
    }

    /// Which engine it is.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Native(_) => EngineKind::Native,
            Self::Docker(_) => EngineKind::Docker,
        }
    }

    /// The environment's place on disk.
    pub fn site(&self) -> &Site {
        match self {
            Self::Native(whole) => whole.site(),
            Self::Docker(docker) => docker.site(),
        }
    }

    /// The database as the project's files describe it.
    pub fn database(&self) -> Option<&Database> {
        match self {
            Self::Native(whole) => whole.native().map(Native::database),
            Self::Docker(docker) => docker.database(),
        }
    }

    /// Why the services that an `up` would run cannot run here, if they cannot; known from the files alone.
    ///
    /// # Errors
    /// For a service that is not there.
    pub fn why_not(&self, wishes: &Wishes) -> Result<Option<StackError>, EngineError> {
        match self {
            Self::Native(whole) => whole.obstacle(wishes),
            // The daemon alone can tell.
            Self::Docker(_) => Ok(None),
        }
    }

    /// The steps that [`Deployment::up`] would carry out now, in words.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn plan_up(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError> {
        Ok(match self {
            Self::Native(whole) => in_words(&whole.plan_up(wishes)?),
            Self::Docker(docker) => in_words(&docker.plan_up(wishes)?),
        })
    }

    /// Brings it up: the database first, and then the other services, which are on their way when this returns.
    ///
    /// # Errors
    /// When something cannot be started; then what this call made is taken away again, but for volumes.
    pub fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        match self {
            Self::Native(whole) => whole.up(wishes, report, news),
            Self::Docker(docker) => docker.up(wishes, report, news),
        }
    }

    /// What would be left of it if we were killed is taken down by a process that watches over us, from before anything is
    /// started; a supervisor of ours sees to that itself.
    ///
    /// # Errors
    /// When that process cannot be started.
    pub fn watch(&self) -> Result<Option<Watcher>, EngineError> {
        match self {
            Self::Native(_) => Ok(None),
            Self::Docker(docker) => docker.watch().map(Some),
        }
    }

    /// Brings its database up, and nothing else.
    ///
    /// # Errors
    /// As [`Deployment::up`]; [`EngineError::NoDatabase`] when the stack has none.
    pub fn up_database(
        &self,
        fresh: bool,
        report: Report<'_>,
    ) -> Result<(LiveDatabase, Started), EngineError> {
        let wishes = self.database_only(fresh)?;
        let started = self.up(&wishes, report, &mut |_| {})?;
        let live = started.database.clone().ok_or_else(|| self.no_database())?;
        Ok((live, started))
    }

    /// The wish for its database alone.
    ///
    /// # Errors
    /// [`EngineError::NoDatabase`] when the stack has none.
    pub fn database_only(&self, fresh: bool) -> Result<Wishes, EngineError> {
        let service = self.database().ok_or_else(|| self.no_database())?.service.clone();
        Ok(Wishes { services: vec![service], fresh, database_only: true, ..Wishes::default() })
    }

    fn no_database(&self) -> EngineError {
        EngineError::NoDatabase { environment: self.site().name().to_owned() }
    }

    /// The running database.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    pub fn running(&self) -> Result<LiveDatabase, EngineError> {
        match self {
            Self::Native(whole) => crate::native::running(whole.site()).map(|record| (&record).into()),
            Self::Docker(docker) => docker.running(),
        }
    }

    /// The environment's own variables, with the address of its running database.
    pub fn variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        match self {
            Self::Native(whole) => whole.variables(database),
            Self::Docker(docker) => docker.variables(database),
        }
    }

    /// All variables of a program that runs in the environment: the caller's, the environment's, and the project's
    /// virtual environment first on PATH.
    pub fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String> {
        match self {
            Self::Native(whole) => whole.process_variables(database),
            Self::Docker(docker) => docker.process_variables(database),
        }
    }
}

/// Why `environment` cannot run natively when `wishes` are asked for; none when it can.
///
/// # Errors
/// For a service that is not there.
pub(crate) fn why_not_native(
    ground: Ground<'_>,
    environment: &Environment,
    wishes: &Wishes,
) -> Result<Option<EngineError>, EngineError> {
    let database = match Database::of(environment) {
        Ok(database) => database,
        Err(error) => return Ok(Some(error.into())),
    };
    let wanted = |database: &&Database| {
        wishes.services.is_empty() || wishes.services.contains(&database.service) || wishes.database_only
    };
    if let Some(database) = database.as_ref().filter(wanted)
        && let Err(error) = locate(
            database,
            volume::major_in(
                &Site::new(ground.home, ground.project, environment.name.as_str()),
                &database.storage,
            ),
            ground.caller.get("PATH").map(String::as_str),
        )
    {
        return Ok(Some(error));
    }
    if wishes.database_only {
        return Ok(None);
    }
    let native = database.map(|database| Native::new(ground, environment.clone(), database));
    Ok(Whole::new(ground, environment.clone(), native).why_not(wishes)?.map(EngineError::from))
}
