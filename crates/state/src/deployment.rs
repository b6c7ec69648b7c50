//! What every engine can do with an environment that is to be there.

use std::collections::BTreeMap;
use std::fmt::Debug;

use backlot_facts::database::Database;
use backlot_process::Stdout;
use backlot_project::{ScenarioName, ScenarioSource};
use backlot_supervisor::News;

use crate::engine::{Beside, Exec};
use crate::error::EngineError;
use crate::event::Report;
use crate::janitor::Watcher;
use crate::live::LiveDatabase;
use crate::record::EngineKind;
use crate::site::Site;
use crate::snapshotting::Snapshotting;
use crate::up::{Packages, Started, Wishes};

/// What an environment is brought up for, where that is not simply to be worked with.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// As a scenario: filled by its source, on free ports, never durable.
    Scenario {
        /// Its name.
        name: ScenarioName,
        /// What fills it.
        source: ScenarioSource,
        /// Where what that prints goes.
        stdout: Stdout,
        /// The environment whose databases it begins with, as they are now.
        from: Option<Site>,
    },
    /// Nothing of it outlives it, and it takes no port that somebody else may want.
    Throwaway,
    /// The same, as one of several at once, at a place of its own, and it ends with us.
    Run {
        /// The place.
        site: Site,
        /// The name of the run.
        mark: String,
    },
}

/// An environment on the engine that is to run it.
pub trait Deployment<'a>: Debug {
    /// The same environment for `purpose`.
    #[must_use]
    fn meant_for(self: Box<Self>, purpose: Purpose) -> Box<dyn Deployment<'a> + 'a>;

    /// Which engine it is.
    fn kind(&self) -> EngineKind;

    /// The environment's place on disk.
    fn site(&self) -> &Site;

    /// The database as the project's files describe it.
    fn database(&self) -> Option<&Database>;

    /// Why the services that an `up` would run cannot run here, if they cannot; known from the files alone.
    ///
    /// # Errors
    /// For a service that is not there.
    fn why_not(&self, wishes: &Wishes) -> Result<Option<EngineError>, EngineError>;

    /// What [`Deployment::up`] would not do that the files say, a line each; it tells that itself, too.
    ///
    /// # Errors
    /// As [`Deployment::up`], as far as that is known from the files alone.
    fn told(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError>;

    /// What is told of in short, in full: a line each.
    fn details(&self, _wishes: &Wishes) -> Vec<String> {
        Vec::new()
    }

    /// The steps that [`Deployment::up`] would carry out now, in words.
    fn plan_up(&self, wishes: &Wishes) -> Result<Vec<String>, EngineError>;

    /// The steps that take away what is there for the time of a run of the tests, in words.
    fn plan_end_of_run(&self) -> Vec<String>;

    /// Brings it up: the database first, and then the other services, which are on their way when this returns.
    fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError>;

    /// What can be done with snapshots for its database.
    ///
    /// # Errors
    /// On an engine that has none.
    fn snapshots(&self) -> Result<&dyn Snapshotting, EngineError>;

    /// How a command (none: its own) is run once as a service, beside those that run: as `docker compose run`. The services
    /// that it `needs` are up and well when this returns.
    ///
    /// # Errors
    /// When there is no such service, it cannot run, or what it needs does not do well.
    fn once(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError>;

    /// What would be left of it if we were killed is taken down by a process that watches over us, from before anything is
    /// started; none where something of the engine's own sees to that.
    fn watch(&self) -> Result<Option<Watcher>, EngineError>;

    /// The packages that these services (none named: all) need of this machine, there or not.
    ///
    /// # Errors
    /// For a service that is not there, or one that cannot have them.
    fn packages(&self, services: &[String]) -> Result<Vec<Packages>, EngineError>;

    /// Installs those that are not there. Returns all.
    ///
    /// # Errors
    /// As [`Deployment::packages`], and when they cannot be installed.
    fn install(&self, services: &[String], report: Report<'_>) -> Result<Vec<Packages>, EngineError>;

    /// The running database.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    fn running(&self) -> Result<LiveDatabase, EngineError>;

    /// The environment's own variables, with the address of its running database.
    fn variables(&self, database: &LiveDatabase) -> BTreeMap<String, String>;

    /// All variables of a program that runs in the environment: the caller's, the environment's, and the project's
    /// virtual environment first on PATH.
    fn process_variables(&self, database: &LiveDatabase) -> BTreeMap<String, String>;

    /// Brings its database up, and nothing else.
    ///
    /// # Errors
    /// As [`Deployment::up`]; [`EngineError::NoDatabase`] when the stack has none.
    fn up_database(&self, fresh: bool, report: Report<'_>) -> Result<(LiveDatabase, Started), EngineError> {
        let wishes = self.database_only(fresh)?;
        let started = self.up(&wishes, report, &mut |_| {})?;
        let live = started.database.clone().ok_or_else(|| self.no_database())?;
        Ok((live, started))
    }

    /// The wish for its database alone.
    ///
    /// # Errors
    /// [`EngineError::NoDatabase`] when the stack has none.
    fn database_only(&self, fresh: bool) -> Result<Wishes, EngineError> {
        let service = self.database().ok_or_else(|| self.no_database())?.service.clone();
        Ok(Wishes { services: vec![service], fresh, database_only: true, ..Wishes::default() })
    }

    /// Whether it has a database.
    ///
    /// # Errors
    /// When a service should be one, and cannot.
    fn has_database(&self) -> Result<bool, EngineError> {
        match self.database_only(false) {
            Ok(_) => Ok(true),
            Err(EngineError::NoDatabase { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// That it has no database, or why it cannot have the one that its files want.
    fn no_database(&self) -> EngineError {
        EngineError::NoDatabase { environment: self.site().name().to_owned() }
    }
}

/// Steps as people are told of them.
pub fn in_words(steps: &[impl ToString]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}
