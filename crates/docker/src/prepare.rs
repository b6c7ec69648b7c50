//! A database in a container, made ready: waited for, created, filled.

use std::time::{Duration, Instant};

use backlot_postgres::{Connection, Creation};
use backlot_process::in_full;
use backlot_project::ScenarioSource;
use backlot_state::fill::Filler;
use backlot_state::how_far::Loading;
use backlot_state::{
    ContainerDatabase, Deployment, EngineError, Event, Failure, Filling, LiveDatabase, Record, Report, mark,
    tools,
};

use crate::container::Container;
use crate::deployment::DockerStack;
use crate::error::DockerError;
use crate::health::database_address;
use crate::psql::Psql;
use crate::running;

/// How long a database may take to answer, once its container runs.
const DATABASE_LIMIT: Duration = Duration::from_mins(2);
/// How long one attempt to connect may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);
/// The time between two attempts.
const STEP: Duration = Duration::from_millis(10);
/// How often it is looked whether the container still runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl DockerStack<'_> {
    /// Waits until the database accepts a real connection, watching its container meanwhile.
    pub(super) fn wait_for_database(
        &self,
        database: &ContainerDatabase,
        project: &str,
    ) -> Result<LiveDatabase, EngineError> {
        let start = Instant::now();
        let mut container = self.database_container(database, project)?;
        let mut looked = Instant::now();
        let mut last_seen = "it has not been tried yet".to_owned();
        loop {
            self.ground.go_on()?;
            if let Some(error) = self.client.failure_of(&container) {
                return Err(error.into());
            }
            let address = database_address(&container);
            let live = address.map(|address| running::live(database, &container, &address));
            if let Some(live) = live {
                match Connection::open(&live.access.with_database(&database.initial), ATTEMPT_LIMIT) {
                    Ok(_) => return Ok(live),
                    Err(error) => last_seen = in_full(&error),
                }
            }
            if start.elapsed() > DATABASE_LIMIT {
                return Err(DockerError::NotReady {
                    service: database.service.clone(),
                    waited: start.elapsed(),
                    last_seen,
                    last_lines: self.client.last_lines(&container),
                }
                .into());
            }
            if looked.elapsed() > LOOK_EVERY {
                looked = Instant::now();
                container = self.database_container(database, project)?;
            }
            std::thread::sleep(STEP);
        }
    }

    fn database_container(
        &self,
        database: &ContainerDatabase,
        project: &str,
    ) -> Result<Container, EngineError> {
        let containers = self.client.containers(project)?;
        let found = containers.into_iter().find(|container| container.service == database.service);
        found.ok_or_else(|| {
            let (environment, service) = (self.site.name().to_owned(), database.service.clone());
            DockerError::NoService { environment, service, known: Vec::new() }.into()
        })
    }

    pub(super) fn create(&self, live: &LiveDatabase, name: &str) -> Result<String, EngineError> {
        let initial = self.database.as_ref().map_or("postgres", |database| &database.initial);
        let mut connection = Connection::open(&live.access.with_database(initial), ATTEMPT_LIMIT * 5)?;
        Ok(match connection.create_database(name)? {
            Creation::Created => format!("{name} created"),
            Creation::AlreadyThere => format!("{name} is there"),
        })
    }

    pub(super) fn fill(
        &self,
        live: &LiveDatabase,
        report: Report<'_>,
    ) -> Result<Option<Failure>, EngineError> {
        let Some((_, source)) = &self.scenario else { return Ok(None) };
        if *source == ScenarioSource::Empty {
            return Ok(None);
        }
        let record = self.current_record()?;
        self.write(&Record { filling: Filling::Begun, ..record.clone() })?;
        let mut variables = self.process_variables(live);
        tools::keep_tree_clean(self.ground.project.root(), &self.site.live(), &mut variables);
        variables.insert(mark::VARIABLE.into(), mark::of_filling(&self.site));
        let psql = Psql::new(&self.client, live, &variables);
        let loading = Loading::new(live.access.clone());
        report(Event::HowFar(loading.how_far()));
        let filler = Filler {
            root: self.ground.project.root(),
            variables,
            psql: &psql,
            stdout: self.stdout,
            loading: &loading,
            interrupted: self.ground.interrupted,
            printed: None,
        };
        let code = filler.fill(source)?;
        let filling = if code == 0 { Filling::Done } else { Filling::Failed { code } };
        self.write(&Record { filling, ..record })?;
        Ok((code != 0).then_some(Failure { code }))
    }
}
