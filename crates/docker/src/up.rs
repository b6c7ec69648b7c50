//! Bringing an environment up on Docker.

use backlot_plan::{ContainerRemoval, ContainerStep, containers_up};
use backlot_state::checkout::attend;
use backlot_state::{
    Deployment as _, DockerRecord, EngineError, EngineKind, Event, Failure, LiveDatabase, Outcome, Record,
    Report, Started, Taken, Wishes, tell,
};
use backlot_supervisor::News;

use crate::container::Container;
use crate::deployment::DockerStack;
use crate::foreign::refuse_foreign;
use crate::remove;
use crate::running;

/// What came of the steps of an `up`, beside their effects.
#[derive(Default)]
struct Came {
    /// The database that was waited for: it need not be looked for again.
    database: Option<LiveDatabase>,
    failure: Option<Failure>,
    /// Whether what fails now leaves the database up.
    stays: bool,
}

impl DockerStack<'_> {
    /// Brings the environment up: the database first, then what fills it, then the other services, which are on their
    /// way when this returns. What it made is taken away again when a step fails, but for volumes.
    pub(super) fn bring_up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        self.services(wishes)?;
        let (taken, containers) = self.take()?;
        for line in self.told(wishes)? {
            report(Event::Warning(line));
        }
        let steps = containers_up(&self.desired(wishes)?, &self.observed(&containers)?, wishes.fresh);
        let mut came = Came::default();
        let outcome = self.carry_out_all(&taken, &steps, wishes, &mut came, report, news);
        if let Err(error) = outcome {
            // What ran before goes on running; what is thrown away is nothing without its end. A database of which a
            // migration has left something is to be looked at.
            if (containers.is_empty() && !came.stays) || self.throwaway {
                remove::undo(&self.client, &taken, report);
            }
            return Err(error);
        }
        if let Some(docker) = self.site.record()?.and_then(|record| record.docker).filter(|_| wishes.orphans)
        {
            self.end_orphans(&docker, wishes.grace)?;
        }
        if self.run.is_none() {
            attend(&self.site, self.ground.project.root(), self.ground.caller)?;
        }
        let renewed = steps.contains(&ContainerStep::Remove(ContainerRemoval::Containers));
        self.started(!containers.is_empty() && !renewed, came.failure, wishes)
    }

    /// Takes the environment, if it is ours to be taken; with its containers.
    pub(super) fn take(&self) -> Result<(Taken, Vec<Container>), EngineError> {
        let taken = self.site.take()?;
        self.ground.go_on()?;
        let containers = self.client.containers(&self.project())?;
        self.check_ours(&containers)?;
        Ok((taken, containers))
    }

    /// That neither somebody else nor another engine runs it.
    pub(super) fn check_ours(&self, containers: &[Container]) -> Result<(), EngineError> {
        refuse_foreign(&self.project(), &self.environment.compose.working_dir, containers)?;
        let record = self.site.record()?;
        if record.as_ref().is_some_and(|record| record.engine != EngineKind::Docker) {
            return Err(EngineError::OtherEngine {
                environment: self.site.name().to_owned(),
                engine: EngineKind::Native,
            });
        }
        Ok(())
    }

    fn carry_out_all(
        &self,
        taken: &Taken,
        steps: &[ContainerStep],
        wishes: &Wishes,
        came: &mut Came,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<(), EngineError> {
        for step in steps {
            // A failed scenario is kept to be looked at, and nothing is started on it.
            if came.failure.is_some() {
                break;
            }
            tell(step, report, |report| self.carry_out(taken, step, wishes, came, (report, news)))?;
            self.ground.go_on()?;
        }
        if !steps.is_empty() {
            let record = self.current_record()?;
            let docker = record.docker.clone().map(|docker| DockerRecord { prepared: true, ..docker });
            self.write(&Record { docker, ..record })?;
        }
        Ok(())
    }

    fn carry_out(
        &self,
        taken: &Taken,
        step: &ContainerStep,
        wishes: &Wishes,
        came: &mut Came,
        (report, news): (Report<'_>, &mut dyn FnMut(News)),
    ) -> Result<Outcome, EngineError> {
        Ok(match step {
            ContainerStep::Start { services } => {
                let database = self.start(taken, services, wishes, report, news)?;
                let outcome = database.as_ref().map_or_else(|| services.join(", "), where_it_is);
                came.database = database.or(came.database.take());
                outcome.into()
            }
            ContainerStep::CreateDatabase { database } => {
                self.create(&self.database_of(came)?, database)?.into()
            }
            ContainerStep::Migrate { what } => {
                let database = self.database_of(came)?;
                let outcome = self.migrate(&database, wishes, report);
                came.stays = matches!(outcome, Err(EngineError::Migration { .. }));
                outcome?;
                format!("{what}, done").into()
            }
            ContainerStep::Fill { source } => {
                came.failure = self.fill(&self.database_of(came)?, report)?;
                match came.failure {
                    None => source.clone().into(),
                    Some(Failure { code }) => {
                        Outcome { text: format!("{source} failed with exit code {code}"), failed: true }
                    }
                }
            }
            ContainerStep::Remove(removal) => {
                remove::take_away(&self.client, taken, *removal, self.ground.interrupted)?.into()
            }
        })
    }

    fn database_of(&self, came: &Came) -> Result<LiveDatabase, EngineError> {
        came.database.clone().map_or_else(|| running::running(&self.client, &self.site), Ok)
    }

    fn started(
        &self,
        was_up: bool,
        failure: Option<Failure>,
        wishes: &Wishes,
    ) -> Result<Started, EngineError> {
        let record = self.current_record()?;
        let docker = record.docker.as_ref().ok_or_else(|| self.not_up())?;
        let containers = self.client.containers(&docker.project)?;
        let database = docker.database.as_ref();
        let live = database.and_then(|database| running::find(database, &containers));
        let beside = containers
            .iter()
            .filter(|container| Some(&container.service) != database.map(|database| &database.service));
        let published = beside.clone().flat_map(|container| {
            container.published.values().map(|endpoint| (container.service.clone(), endpoint.port))
        });
        Ok(Started {
            database: live,
            was_up,
            failure,
            kept: false,
            filling: record.filling,
            published: published.collect(),
            // Even a database alone has not been waited for yet, unless it came first.
            has_services: beside.count() > 0 || !self.database_comes_first(wishes),
            stock: None,
        })
    }

    pub(super) fn current_record(&self) -> Result<Record, EngineError> {
        self.site.record()?.ok_or_else(|| self.not_up())
    }

    pub(super) fn not_up(&self) -> EngineError {
        self.site.not_up()
    }
}

fn where_it_is(database: &LiveDatabase) -> String {
    format!("{} on {}:{}", database.service, database.access.host, database.access.port)
}
