//! Brings an environment's database up: what is wanted, what is there, and the steps between the two.

use std::path::Path;
use std::time::Instant;

use backlot_plan::{Desired, Filling as Filled, Observed, Port, Server, Step, Storage};
use backlot_postgres::{Installation, StartError};
use backlot_project::ScenarioSource;

use crate::error::EngineError;
use crate::event::{Event, Report};
use crate::native::claims::{self, Claim};
use crate::native::fill::{Filler, PsqlHere};
use crate::native::{Native, down, installation, locate, mark, now, server, stock, tools};
use crate::record::{DatabaseRecord, EngineKind, Filling, Record, RecordError, VERSION};
use crate::site::{Site, Taken};
use crate::up::Failure;

/// An environment that is up.
#[derive(Debug)]
pub struct Up {
    /// Its record.
    pub record: Record,
    /// Its database server, from the record.
    pub database: DatabaseRecord,
    /// Whether nothing had to be done.
    pub was_up: bool,
    /// The failure of what should have filled it.
    pub failure: Option<Failure>,
    /// The process that makes the next clone ahead of need.
    pub(super) stock: Option<i32>,
}

/// What came of the steps of an `up`, beside their effects.
#[derive(Debug, Default)]
struct Came {
    failure: Option<Failure>,
    /// The template of which a throw-away cluster was cloned.
    template: Option<String>,
}

impl Native<'_> {
    /// What is wanted.
    fn desired(&self) -> Desired {
        let fill = self.scenario.as_ref().and_then(|(_, source)| self.ground.shown(source));
        Desired {
            service: self.database.service.clone(),
            storage: self.database.storage.clone(),
            port: self.database.port,
            databases: match self.database.storage {
                Storage::Throwaway => self.database.databases(),
                Storage::Volume(_) => vec![self.database.initial.clone()],
            },
            fill,
        }
    }

    /// What is there. A record that cannot be read is an error, unless all is to be made anew anyway.
    fn observed(&self, fresh: bool) -> Result<Observed, EngineError> {
        let record = match self.site.record() {
            Err(EngineError::Record {
                source: RecordError::Damaged { .. } | RecordError::Read { .. },
                ..
            }) if fresh => None,
            other => other?,
        };
        let volume = match &self.database.storage {
            Storage::Throwaway => false,
            Storage::Volume(_) => is_cluster(&self.site.data(&self.database.storage)),
        };
        Ok(Observed { volume, ..look(&self.site, record.as_ref())? })
    }

    /// The steps that [`Native::up`] would carry out now.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn plan_up(&self, fresh: bool) -> Result<Vec<Step>, EngineError> {
        Ok(backlot_plan::up(&self.desired(), &self.observed(fresh)?, fresh))
    }

    /// Brings the environment up; `fresh` makes a throw-away one anew.
    ///
    /// # Errors
    /// When a step fails or the caller asks to stop; then nothing of a throw-away environment is left behind.
    pub fn up(&self, fresh: bool, report: Report<'_>) -> Result<Up, EngineError> {
        let taken = self.site.take()?;
        self.up_taken(&taken, fresh, report)
    }

    pub(super) fn up_taken(&self, taken: &Taken, fresh: bool, report: Report<'_>) -> Result<Up, EngineError> {
        self.ground.go_on()?;
        mark::take_over(taken)?;
        let steps = backlot_plan::up(&self.desired(), &self.observed(fresh)?, fresh);
        let mut came = Came::default();
        let outcome = steps.iter().try_for_each(|step| {
            self.carry_out(taken, step, &mut came, report)?;
            // After the last one, too: whoever has pressed Ctrl-C does not want what comes next.
            self.ground.go_on()
        });
        if let Err(error) = outcome {
            down::undo(taken, report);
            return Err(error);
        }
        let record = self.site.record()?.ok_or_else(|| self.not_up())?;
        let database = record.database.clone().ok_or_else(|| self.not_up())?;
        let stock = came.template.and_then(|template| stock::refill(self.ground.home, &template));
        Ok(Up { record, database, was_up: steps.is_empty(), failure: came.failure, stock })
    }

    fn carry_out(
        &self,
        taken: &Taken,
        step: &Step,
        came: &mut Came,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        report(Event::Began { step });
        let start = Instant::now();
        let outcome = match step {
            Step::StopServices | Step::StopServer | Step::RemoveFiles | Step::RemoveVolumes => {
                down::take_away(taken, step)?
            }
            Step::MakeCluster { .. } => {
                let made = server::make_cluster(self.ground.home, taken, &self.database, &self.locate()?)?;
                came.template = (self.database.storage == Storage::Throwaway).then_some(made.template);
                made.outcome
            }
            Step::StartServer { .. } => self.start_server(taken)?,
            // Another engine's.
            Step::StartContainers { .. } | Step::RemoveContainers | Step::CreateDatabase { .. } => {
                String::new()
            }
            Step::Fill { source } => {
                came.failure = self.fill(taken)?;
                match came.failure {
                    None => source.clone(),
                    Some(Failure { code }) => format!("{source} failed with exit code {code}"),
                }
            }
        };
        let failed = matches!(step, Step::Fill { .. }) && came.failure.is_some();
        report(Event::Did { step, outcome, failed, took: start.elapsed() });
        Ok(())
    }

    fn locate(&self) -> Result<Installation, EngineError> {
        locate(&self.database, self.ground.caller.get("PATH").map(String::as_str))
    }

    fn start_server(&self, taken: &Taken) -> Result<String, EngineError> {
        let database =
            server::start(self.ground.home, taken, &self.database, &self.locate()?, self.dies_with_us);
        let database = database.map_err(|error| self.explain_port(error))?;
        let outcome = format!("{} on 127.0.0.1:{}", database.service, database.port);
        let filling = match &self.scenario {
            Some((_, ScenarioSource::Empty)) | None => Filling::None,
            Some(_) => Filling::Begun,
        };
        let record = Record {
            version: VERSION,
            project: self.ground.project.root().to_owned(),
            environment: self.environment.name.to_string(),
            scenario: self.scenario.as_ref().map(|(name, _)| name.to_string()),
            engine: EngineKind::Native,
            created: now(),
            filling,
            database: Some(database),
            docker: None,
        };
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))?;
        Ok(outcome)
    }

    /// The port that the files publish, which the server wants for itself.
    pub(super) fn claim(&self) -> Option<Claim> {
        let Port::Exact(port) = self.database.port else { return None };
        let service = self.database.service.clone();
        let at = self.environment.stack.services.get(&service)?.location.clone();
        Some(Claim { service, port, at })
    }

    /// Whose a port is that is in use.
    fn explain_port(&self, error: EngineError) -> EngineError {
        match (error, self.claim()) {
            (EngineError::Start(StartError::PortInUse { holder, .. }), Some(claim)) => {
                EngineError::Port(Box::new(claims::in_use(&claim, holder, &self.environment)))
            }
            (error, _) => error,
        }
    }

    fn fill(&self, taken: &Taken) -> Result<Option<Failure>, EngineError> {
        let Some((_, source)) = &self.scenario else { return Ok(None) };
        let mut record = taken.site().record()?.ok_or_else(|| self.not_up())?;
        let database = record.database.clone().ok_or_else(|| self.not_up())?;
        let mut variables = self.process_variables(&(&database).into());
        tools::keep_tree_clean(self.ground.project.root(), &taken.site().live(), &mut variables);
        variables.insert(mark::VARIABLE.into(), mark::of_filling(taken.site()));
        let filler = Filler {
            root: self.ground.project.root(),
            variables,
            psql: &PsqlHere(Some(&installation(&database))),
            stdout: self.stdout,
            interrupted: self.ground.interrupted,
        };
        let code = filler.fill(source)?;
        record.filling = if code == 0 { Filling::Done } else { Filling::Failed { code } };
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))?;
        Ok((code != 0).then_some(Failure { code }))
    }

    fn record_error(&self, source: RecordError) -> EngineError {
        EngineError::Record { environment: self.site.name().to_owned(), source }
    }
}

/// Looks at the environment at `site`, whatever its files say of it now.
pub(super) fn look(site: &Site, record: Option<&Record>) -> Result<Observed, EngineError> {
    let filling = record.map_or(Filled::NotYet, |record| match record.filling {
        Filling::None => Filled::NotYet,
        Filling::Begun => Filled::Begun,
        Filling::Done => Filled::Done,
        Filling::Failed { .. } => Filled::Failed,
    });
    // The lock alone may be held by the children of a postmaster that was killed.
    let database = record.and_then(|record| record.database.as_ref());
    let recorded = database.is_some_and(|database| database.process.is_alive());
    let server = match site.is_running()? {
        false => Server::Stopped,
        true if recorded => Server::Running,
        true => Server::Unrecorded,
    };
    Ok(Observed {
        files: site.has_files(),
        cluster: is_cluster(&site.data(&Storage::Throwaway)),
        services: site.is_supervised()?,
        volume: site.volumes().exists(),
        server,
        filling,
    })
}

/// Whether a whole cluster is in `data`: it comes there by a rename, as the last thing.
fn is_cluster(data: &Path) -> bool {
    data.join("PG_VERSION").exists()
}
