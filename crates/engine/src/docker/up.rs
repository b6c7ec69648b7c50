//! Bringing an environment up on Docker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backlot_plan::{Step, containers_up};
use backlot_postgres::{Connection, Creation};
use backlot_process::Program;
use backlot_project::ScenarioSource;
use backlot_supervisor::News;

use crate::docker::answer::Project;
use crate::docker::compose::ComposeProject;
use crate::docker::container::Container;
use crate::docker::deployment::Deployment;
use crate::docker::error::DockerError;
use crate::docker::health::{database_address, in_full};
use crate::docker::psql::Psql;
use crate::docker::speak::Speaker;
use crate::docker::{remove, running};
use crate::error::EngineError;
use crate::event::{Event, Report};
use crate::live::LiveDatabase;
use crate::native::fill::Filler;
use crate::native::{Failure, Started, Wishes, mark, tools};
use crate::record::{ContainerDatabase, DockerRecord, EngineKind, Filling, Record};
use crate::site::Taken;

/// How long Compose may take to bring containers up, with images to pull and to build.
const UP_LIMIT: Duration = Duration::from_mins(30);
/// How long a database may take to answer, once its container runs.
const DATABASE_LIMIT: Duration = Duration::from_mins(2);
/// How long one attempt to connect may take.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);
/// The time between two attempts.
const STEP: Duration = Duration::from_millis(25);
/// How often it is looked whether the containers still run.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// What came of the steps of an `up`, beside their effects.
#[derive(Default)]
struct Came {
    failure: Option<Failure>,
}

impl Deployment<'_> {
    /// Brings the environment up: the database first, then what fills it, then the other services, which are on their
    /// way when this returns.
    ///
    /// # Errors
    /// When a step fails or the caller asks to stop; then what this call made is taken away again, but for volumes.
    pub fn up(
        &self,
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Started, EngineError> {
        self.services(wishes)?;
        let taken = self.site.take()?;
        self.ground.go_on()?;
        let containers = self.client.containers(&self.project())?;
        self.refuse_foreign(&containers)?;
        let record = self.site.record()?;
        if record.as_ref().is_some_and(|record| record.engine != EngineKind::Docker) {
            return Err(EngineError::OtherEngine {
                environment: self.site.name().to_owned(),
                engine: EngineKind::Native,
            });
        }
        let steps = containers_up(&self.desired(wishes)?, &self.observed(&containers)?, wishes.fresh);
        let mut came = Came::default();
        let outcome = self.carry_out_all(&taken, &steps, wishes, &mut came, report, news);
        if let Err(error) = outcome {
            // What ran before goes on running; what is thrown away is nothing without its end.
            if containers.is_empty() || self.throwaway {
                remove::undo(&self.client, &taken, report);
            }
            return Err(error);
        }
        let renewed = steps.contains(&Step::RemoveContainers);
        self.started(!containers.is_empty() && !renewed, came.failure)
    }

    fn carry_out_all(
        &self,
        taken: &Taken,
        steps: &[Step],
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
            report(Event::Began { step });
            let start = Instant::now();
            let outcome = match step {
                Step::StartContainers { services } => self.start(taken, services, wishes, report, news)?,
                Step::CreateDatabase { database } => self.create(database)?,
                Step::Fill { source } => {
                    came.failure = self.fill()?;
                    match came.failure {
                        None => source.clone(),
                        Some(Failure { code }) => format!("{source} failed with exit code {code}"),
                    }
                }
                Step::RemoveContainers | Step::RemoveVolumes | Step::RemoveFiles => {
                    remove::take_away(&self.client, taken, step)?
                }
                // Another engine's.
                Step::StopServices
                | Step::StopServer
                | Step::MakeCluster { .. }
                | Step::StartServer { .. } => String::new(),
            };
            let failed = matches!(step, Step::Fill { .. }) && came.failure.is_some();
            report(Event::Did { step, outcome, failed, took: start.elapsed() });
            self.ground.go_on()?;
        }
        if !steps.is_empty() {
            let record = self.current_record()?;
            let docker = record.docker.clone().map(|docker| DockerRecord { prepared: true, ..docker });
            self.write(&Record { docker, ..record })?;
        }
        Ok(())
    }

    fn started(&self, was_up: bool, failure: Option<Failure>) -> Result<Started, EngineError> {
        let record = self.current_record()?;
        let docker = record.docker.as_ref().ok_or_else(|| self.not_up())?;
        let containers = self.client.containers(&docker.project)?;
        let database = docker.database.as_ref();
        let live = database.and_then(|database| running::find(database, &containers));
        let beside = containers
            .iter()
            .filter(|container| Some(&container.service) != database.map(|database| &database.service));
        let published = beside.clone().flat_map(|container| {
            container.published.values().filter_map(|address| {
                let port = address.rsplit_once(':')?.1.parse().ok()?;
                Some((container.service.clone(), port))
            })
        });
        Ok(Started {
            database: live,
            was_up,
            failure,
            filling: record.filling,
            published: published.collect(),
            has_services: beside.count() > 0,
            stock: None,
        })
    }

    pub(super) fn current_record(&self) -> Result<Record, EngineError> {
        self.site.record()?.ok_or_else(|| self.not_up())
    }

    pub(super) fn not_up(&self) -> EngineError {
        EngineError::NotUp { environment: self.site.name().to_owned(), exists: self.site.live().exists() }
    }

    /// Has Compose start the containers of `services`, and waits for the database if it is among them.
    fn start(
        &self,
        taken: &Taken,
        services: &[String],
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<String, EngineError> {
        let record = self.record(taken)?;
        let docker = record.docker.ok_or_else(|| self.not_up())?;
        // An nginx looks up those behind it when it starts, and ends when they are not there: whether its file says that it
        // depends on them or not, it comes last.
        let (fronts, others): (Vec<_>, Vec<_>) =
            services.iter().cloned().partition(|service| self.is_hasty_front(service, &docker));
        // Compose would undo what it is not told again of services that others depend on.
        let mut scale = wishes.scale.clone();
        let others = self.roll_changed(&docker, others, wishes, &mut scale, news)?;
        for group in [others, fronts].iter().filter(|group| !group.is_empty()) {
            // It knows of no others than these and what they depend on.
            let known = self.services(&Wishes { services: group.clone(), ..Wishes::default() })?;
            let scale = scale.iter().filter(|(service, _)| known.contains(*service));
            let arguments = up_arguments(group, scale, wishes.build);
            let program = self.client.compose_in(&ComposeProject::recorded(&docker), arguments)?;
            self.run_compose(&program, &docker, report)?;
        }
        let comes_first = self.throwaway || wishes.database_only;
        let database = docker.database.as_ref().filter(|_| comes_first);
        let database = database.filter(|database| services.contains(&database.service));
        let Some(database) = database else { return Ok(services.join(", ")) };
        let live = self.wait_for_database(database, &docker.project)?;
        Ok(format!("{} on {}:{}", database.service, live.access.host, live.access.port))
    }

    /// Whether a service is an nginx whose file does not say that it depends on those behind it.
    fn is_hasty_front(&self, service: &str, docker: &DockerRecord) -> bool {
        let depends_on = self.environment.stack.services.get(service).map(|service| &service.depends_on);
        let behind = docker.fronts.get(service).into_iter().flatten();
        behind.into_iter().any(|one| !depends_on.is_some_and(|depends_on| depends_on.contains_key(one)))
    }

    /// Replaces and scales the services that run behind an nginx without losing a request, where Compose would remove all
    /// of their replicas first. Returns the other services.
    fn roll_changed(
        &self,
        docker: &DockerRecord,
        services: Vec<String>,
        wishes: &Wishes,
        scale: &mut BTreeMap<String, u32>,
        news: &mut dyn FnMut(News),
    ) -> Result<Vec<String>, EngineError> {
        let behind = |service: &String| docker.fronts.values().any(|behind| behind.contains(service));
        if self.throwaway || !services.iter().any(behind) {
            return Ok(services);
        }
        let mut rolled = Vec::new();
        for service in services.iter().filter(|service| behind(service)) {
            let mut project = Project {
                client: &self.client,
                record: docker.clone(),
                environment: self.site.name(),
                interrupted: self.ground.interrupted,
                news: &mut *news,
            };
            if !project.can_roll(service)? {
                continue;
            }
            project.roll_if_changed(service, wishes.build)?;
            let usual = self.environment.stack.services.get(service).map_or(1, |service| service.replicas);
            let count = *scale.entry(service.clone()).or_insert(usual);
            project.scale_to(service, count, true)?;
            rolled.push(service.clone());
        }
        Ok(services.into_iter().filter(|service| !rolled.contains(service)).collect())
    }

    /// Runs Compose; its lines are passed on when it takes its time. A container that dies meanwhile ends the wait:
    /// Compose itself may wait for such a one without end.
    fn run_compose(
        &self,
        program: &Program,
        docker: &DockerRecord,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        let mut speaker = Speaker::new();
        let mut looked = Instant::now();
        let mut dead = None;
        let outcome = crate::docker::client::run_while(program, &[], UP_LIMIT, &mut |printed| {
            speaker.hear(printed, report);
            if looked.elapsed() > LOOK_EVERY * 5 {
                looked = Instant::now();
                dead = self.restarting(&docker.project);
            }
            dead.is_none() && self.ground.go_on().is_ok()
        });
        if let Some(error) = dead {
            return Err(error.into());
        }
        match outcome {
            Ok(_) => Ok(()),
            Err(DockerError::Interrupted) => Err(EngineError::Interrupted),
            Err(error) => Err(self.explained(error, docker).into()),
        }
    }

    /// The failure of a container that Docker starts again and again.
    fn restarting(&self, project: &str) -> Option<DockerError> {
        let containers = self.client.containers(project).ok()?;
        let again = containers.iter().find(|container| container.restarts >= 2)?;
        self.client.failure_of(again)
    }

    /// What Compose complained about, with what the containers tell.
    fn explained(&self, error: DockerError, docker: &DockerRecord) -> DockerError {
        match error {
            DockerError::Failed { last_lines, .. } if is_failed_build(&last_lines) => {
                let built = self.environment.stack.services.values();
                let built =
                    built.filter(|service| service.build.is_some()).map(|service| service.name.clone());
                DockerError::Build { services: built.collect(), last_lines }
            }
            DockerError::PortInUse { port, last_lines, .. } => {
                let holder = port.and_then(|port| self.client.publisher_of(port));
                DockerError::PortInUse { port, holder, last_lines }
            }
            DockerError::Failed { .. } => {
                let containers = self.client.containers(&docker.project).unwrap_or_default();
                containers.iter().find_map(|container| self.client.failure_of(container)).unwrap_or(error)
            }
            error => error,
        }
    }

    /// Waits until the database accepts a real connection, watching its container meanwhile.
    fn wait_for_database(
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
            let live = address.and_then(|address| running::live(database, &container, &address));
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

    fn create(&self, name: &str) -> Result<String, EngineError> {
        let live = self.running()?;
        let initial = self.database.as_ref().map_or("postgres", |database| &database.initial);
        let mut connection = Connection::open(&live.access.with_database(initial), ATTEMPT_LIMIT * 5)?;
        Ok(match connection.create_database(name)? {
            Creation::Created => format!("{name} created"),
            Creation::AlreadyThere => format!("{name} is there"),
        })
    }

    /// The running database.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    pub fn running(&self) -> Result<LiveDatabase, EngineError> {
        running::running(&self.client, &self.site)
    }

    fn fill(&self) -> Result<Option<Failure>, EngineError> {
        let Some((_, source)) = &self.scenario else { return Ok(None) };
        if *source == ScenarioSource::Empty {
            return Ok(None);
        }
        let record = self.current_record()?;
        self.write(&Record { filling: Filling::Begun, ..record.clone() })?;
        let live = self.running()?;
        let mut variables = self.process_variables(&live);
        tools::keep_tree_clean(self.ground.project.root(), &self.site.live(), &mut variables);
        variables.insert(mark::VARIABLE.into(), mark::of_filling(&self.site));
        let psql = Psql::new(&self.client, &live, &variables);
        let filler = Filler {
            root: self.ground.project.root(),
            variables,
            psql: &psql,
            stdout: self.stdout,
            interrupted: self.ground.interrupted,
        };
        let code = filler.fill(source)?;
        let filling = if code == 0 { Filling::Done } else { Filling::Failed { code } };
        self.write(&Record { filling, ..record })?;
        Ok((code != 0).then_some(Failure { code }))
    }
}

/// What Compose is told.
fn up_arguments<'s>(
    services: &[String],
    scale: impl Iterator<Item = (&'s String, &'s u32)>,
    build: bool,
) -> Vec<String> {
    let mut arguments = vec!["up".to_owned(), "-d".to_owned()];
    if build {
        arguments.push("--build".into());
    }
    for (service, count) in scale {
        arguments.extend(["--scale".into(), format!("{service}={count}")]);
    }
    arguments.extend(services.iter().cloned());
    arguments
}

/// Whether these are the last words of a build, by either builder and either version of Compose.
fn is_failed_build(last_lines: &[String]) -> bool {
    let said = last_lines.join("\n").to_lowercase();
    [
        "failed to solve",
        "failed to build",
        "failed to read dockerfile",
        "returned a non-zero code",
        "dockerfile parse error",
    ]
    .iter()
    .any(|words| said.contains(words))
}
