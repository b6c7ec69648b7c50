//! Starting containers: Compose does it, and what it cannot do without losing requests is done here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backlot_process::Program;
use backlot_state::{DockerRecord, EngineError, LiveDatabase, Report, Taken, Wishes};
use backlot_supervisor::{Health, News};

use crate::answer::Project;
use crate::client::run_while;
use crate::compose::ComposeProject;
use crate::deployment::DockerStack;
use crate::error::DockerError;
use crate::health::condition;
use crate::report::now_ms;
use crate::speak::Speaker;

/// How long Compose may take to bring containers up, with images to pull and to build.
const UP_LIMIT: Duration = Duration::from_mins(30);
/// How often it is looked whether a container dies again and again, while Compose waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl DockerStack<'_> {
    /// Has Compose start the containers of `services`, and waits for the database if it is among them and comes first.
    pub(super) fn start(
        &self,
        taken: &Taken,
        services: &[String],
        wishes: &Wishes,
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<LiveDatabase>, EngineError> {
        let record = self.record(taken)?;
        let docker = record.docker.ok_or_else(|| self.not_up())?;
        let client = self.client.hastening(wishes.grace);
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
            let scale: Vec<_> = scale.collect();
            // Those that are named alone are replaced, and not what they depend on.
            let (anew, rest): (Vec<_>, Vec<_>) =
                group.iter().cloned().partition(|service| is_replaced(service, wishes));
            for (services, recreate) in [(rest, false), (anew, true)] {
                if services.is_empty() {
                    continue;
                }
                let how = How {
                    build: self.builds(wishes),
                    no_build: wishes.no_build,
                    no_deps: wishes.no_deps,
                    recreate,
                };
                let scale = scale.iter().copied().filter(|(service, _)| group.contains(service));
                let arguments = up_arguments(client.hastened("up"), &services, scale, how);
                let program = client.compose_in(&ComposeProject::recorded(&docker), arguments)?;
                self.run_compose(&program, &docker, report)?;
            }
        }
        let database = docker.database.as_ref().filter(|_| self.database_comes_first(wishes));
        let database = database.filter(|database| services.contains(&database.service));
        database.map(|database| self.wait_for_database(database, &docker.project)).transpose()
    }

    /// Builds the image of a service anew, where that is asked for.
    pub(super) fn build(
        &self,
        service: &str,
        wishes: &Wishes,
        docker: &DockerRecord,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        if !self.builds(wishes) {
            return Ok(());
        }
        let program = self.client.compose_in(&ComposeProject::recorded(docker), ["build", service])?;
        self.run_compose(&program, docker, report)
    }

    /// Whether images are built anew. Those of what is thrown away are of our own making: nobody else would bring in what has changed.
    fn builds(&self, wishes: &Wishes) -> bool {
        wishes.build || self.throwaway
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
        let client = self.client.hastening(wishes.grace);
        let mut rolled = Vec::new();
        for service in services.iter().filter(|service| behind(service)) {
            let mut project = Project {
                client: &client,
                record: docker.clone(),
                environment: self.site.name(),
                interrupted: self.ground.interrupted,
                news: &mut *news,
            };
            if !project.can_roll(service)? {
                continue;
            }
            if is_replaced(service, wishes) {
                project.build_if(service, wishes.build)?;
                project.roll(service)?;
            } else {
                project.roll_if_changed(service, wishes.build)?;
            }
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
        let outcome = run_while(program, &[], UP_LIMIT, &mut |printed| {
            speaker.hear(printed, report);
            if looked.elapsed() > LOOK_EVERY {
                looked = Instant::now();
                dead = self.restarting(&docker.project);
            }
            dead.is_none() && self.ground.go_on().is_ok()
        });
        if let Some(error) = dead {
            return Err(error.into());
        }
        outcome.map(drop).map_err(|error| self.explained(error, docker).into())
    }

    /// The failure of a container that Docker starts again and again.
    fn restarting(&self, project: &str) -> Option<DockerError> {
        let containers = self.client.containers(project).ok()?;
        let again = containers.iter().find(|container| container.restarts >= 2)?;
        self.client.failure_of(again)
    }

    /// Which image is missing, as far as Compose tells its name or the services', and the services that need it.
    fn without_image(&self, image: Option<String>, said: &[String]) -> (Option<String>, Vec<String>) {
        let stack = &self.environment.stack;
        let is_named = |name: &str| {
            said.iter()
                .any(|line| line.trim().trim_start_matches(['✘', ' ']).starts_with(&format!("{name} Error")))
        };
        let model = &stack.resolved()["services"];
        let of = |name: &str| model[name]["image"].as_str().map(str::to_owned);
        let is_pulled = |name: &&String| stack.services[*name].build.is_none();
        let image = image.or_else(|| {
            stack.services.keys().filter(is_pulled).find(|name| is_named(name)).and_then(|name| of(name))
        });
        let needs = |name: &&String| image.is_some() && of(name) == image;
        let needing: Vec<String> = stack.services.keys().filter(needs).cloned().collect();
        if needing.is_empty() {
            // It is what one of these begins with.
            let built = stack.services.values().filter(|service| service.build.is_some());
            return (image, built.map(|service| service.name.clone()).collect());
        }
        (image, needing)
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
            DockerError::NoImage { image, last_lines, .. } => {
                let (image, services) = self.without_image(image, &last_lines);
                DockerError::NoImage { image, services, last_lines }
            }
            DockerError::PortInUse { port, last_lines, .. } => {
                let holder = port.and_then(|port| self.client.holder_of(port));
                DockerError::PortInUse { port, holder, last_lines }
            }
            DockerError::Failed { .. } => {
                let containers = self.client.containers(&docker.project).unwrap_or_default();
                let failed = || containers.iter().find_map(|container| self.client.failure_of(container));
                // Others may depend on one that runs and is not well.
                let unwell = || {
                    containers.iter().find_map(|container| {
                        let condition = condition(container, docker, now_ms())?;
                        let is_unwell = condition.health == Health::Unhealthy;
                        is_unwell.then(|| self.client.unhealthy(container, condition.reason))
                    })
                };
                failed().or_else(unwell).unwrap_or(error)
            }
            error => error,
        }
    }
}

/// Whether a service is replaced even if it is as it was.
fn is_replaced(service: &String, wishes: &Wishes) -> bool {
    wishes.recreate && (wishes.services.is_empty() || wishes.services.contains(service))
}

/// How Compose brings services up.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct How {
    build: bool,
    no_build: bool,
    no_deps: bool,
    recreate: bool,
}

/// What Compose is told.
fn up_arguments<'s>(
    mut arguments: Vec<String>,
    services: &[String],
    scale: impl Iterator<Item = (&'s String, &'s u32)>,
    how: How,
) -> Vec<String> {
    arguments.push("-d".into());
    let flags = [
        (how.build, "--build"),
        (how.no_build, "--no-build"),
        (how.no_deps, "--no-deps"),
        (how.recreate, "--force-recreate"),
    ];
    arguments.extend(flags.into_iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag.to_owned()));
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
