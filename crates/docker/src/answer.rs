//! What is asked of a running environment, done on Docker: the same requests that a supervisor answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_process::Program;
use backlot_state::{DockerRecord, EngineError, Site};
use backlot_supervisor::{Answer, Health, News, Request, ServiceReport};

use crate::client::{Client, run};
use crate::compose::ComposeProject;
use crate::container::{Container, Life};
use crate::error::DockerError;
use crate::health::condition;
use crate::report::{now_ms, report};
use crate::wait::Waiting;

/// How long Compose may take for what it is told to do with containers that are there.
const LIMIT: Duration = Duration::from_mins(10);
/// The time between two looks.
const STEP: Duration = Duration::from_millis(100);

/// A Compose project that is there, and what is needed to work with it.
pub(super) struct Project<'a> {
    pub(super) client: &'a Client,
    pub(super) record: DockerRecord,
    pub(super) environment: &'a str,
    pub(super) interrupted: &'a AtomicBool,
    pub(super) news: &'a mut dyn FnMut(News),
}

/// Does what `request` asks for.
pub(crate) fn answer(
    client: &Client,
    site: &Site,
    request: &Request,
    interrupted: &AtomicBool,
    news: &mut dyn FnMut(News),
) -> Result<Answer, EngineError> {
    let none = || EngineError::NoServices { environment: site.name().to_owned() };
    let record = client.record_at(site)?.ok_or_else(none)?;
    let mut project = Project { client, record, environment: site.name(), interrupted, news };
    match request {
        Request::Status => project.status().map(Answer::Status),
        Request::Scale { replicas, wait } => {
            let _taken = site.take()?;
            project.scale(replicas, *wait).map(|()| Answer::Nothing)
        }
        Request::Restart { services, rolling } => {
            let _taken = site.take()?;
            project.restart(services, *rolling).map(|()| Answer::Nothing)
        }
        Request::WaitHealthy { services } => project.wait_healthy(services).map(|()| Answer::Nothing),
        Request::WaitStopped { services } => project.wait_stopped(services),
        Request::Up { .. }
        | Request::Plan { .. }
        | Request::Hasten { .. }
        | Request::Describe { .. }
        | Request::Attach
        | Request::Down
        | Request::Kill => {
            Err(DockerError::Impossible("there is no supervisor on Docker to be asked for that".into())
                .into())
        }
    }
}

impl Project<'_> {
    pub(super) fn go_on(&self) -> Result<(), EngineError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
    }

    /// The containers of services; those of `compose run` are nobody's replicas.
    pub(super) fn containers(&self) -> Result<Vec<Container>, EngineError> {
        let mut containers = self.client.containers(&self.record.project)?;
        containers.retain(|container| !container.one_off);
        Ok(containers)
    }

    pub(super) fn tell(&mut self, container: &Container, text: impl Into<String>) {
        let replica = Some(format!("{}-{}", container.service, container.number));
        (self.news)(News { service: container.service.clone(), replica, text: text.into(), bad: false });
    }

    fn status(&self) -> Result<Vec<ServiceReport>, EngineError> {
        let containers = self.containers()?;
        if containers.is_empty() {
            return Err(EngineError::NoServices { environment: self.environment.to_owned() });
        }
        Ok(report(&containers, &self.record))
    }

    /// Refuses services that have no container.
    pub(super) fn check(&self, services: &[String]) -> Result<Vec<Container>, EngineError> {
        let containers = self.containers()?;
        if containers.is_empty() {
            return Err(EngineError::NoServices { environment: self.environment.to_owned() });
        }
        let known: BTreeSet<&String> = containers.iter().map(|container| &container.service).collect();
        match services.iter().find(|service| !known.contains(service)) {
            Some(service) => Err(DockerError::NoService {
                environment: self.environment.to_owned(),
                service: service.clone(),
                known: known.into_iter().cloned().collect(),
            }
            .into()),
            None => Ok(containers),
        }
    }

    /// Compose with these arguments, run to its end.
    pub(super) fn compose(&self, arguments: &[&str]) -> Result<(), EngineError> {
        let program =
            self.client.compose_in(&ComposeProject::recorded(&self.record), arguments.iter().copied())?;
        self.run(&program)
    }

    /// Docker with these arguments, run to its end.
    pub(super) fn docker(&self, arguments: &[&str]) -> Result<(), EngineError> {
        self.run(&self.client.docker(arguments.iter().copied()))
    }

    pub(super) fn run(&self, program: &Program) -> Result<(), EngineError> {
        Ok(run(program, LIMIT, self.interrupted).map(drop)?)
    }

    fn scale(&mut self, replicas: &BTreeMap<String, u32>, wait: bool) -> Result<(), EngineError> {
        let names: Vec<String> = replicas.keys().cloned().collect();
        self.check(&names)?;
        for (service, count) in replicas {
            if *count > 1 && self.record.database.as_ref().is_some_and(|one| one.service == *service) {
                let text = format!("{service} is a database: there can be one replica only, not {count}");
                return Err(DockerError::Impossible(text).into());
            }
            self.scale_to(service, *count, wait)?;
        }
        Ok(())
    }

    fn restart(&mut self, services: &[String], rolling: bool) -> Result<(), EngineError> {
        let containers = self.check(services)?;
        let mut names: Vec<String> = services.to_vec();
        if names.is_empty() {
            names = containers.iter().map(|container| container.service.clone()).collect();
            names.dedup();
        }
        for name in &names {
            if rolling {
                self.roll(name)?;
            } else {
                let words = self.client.hastened("restart");
                let words: Vec<&str> = words.iter().map(String::as_str).chain([name.as_str()]).collect();
                self.compose(&words)?;
            }
        }
        if rolling { Ok(()) } else { self.wait_healthy(&names) }
    }

    /// Waits until the services are ready, or did their work and ended well.
    pub(super) fn wait_healthy(&mut self, services: &[String]) -> Result<(), EngineError> {
        let mut containers = self.check(services)?;
        let mut waiting = Waiting::new();
        loop {
            containers.retain(|container| services.is_empty() || services.contains(&container.service));
            if self.look(&mut waiting, &containers)? {
                return Ok(());
            }
            std::thread::sleep(STEP);
            self.go_on()?;
            containers = self.containers()?;
        }
    }

    /// Looks at containers that are waited for; whether all are ready.
    pub(super) fn look(
        &mut self,
        waiting: &mut Waiting,
        containers: &[Container],
    ) -> Result<bool, EngineError> {
        let mut all = true;
        for container in containers {
            if let Some(error) = self.client.failure_of(container) {
                return Err(error.into());
            }
            if let Life::Exited { code: 0, .. } = container.life {
                if waiting.is_news(&container.id) {
                    self.tell(container, "has finished");
                }
                continue;
            }
            if waiting.is_known(&container.id) {
                continue;
            }
            let condition = condition(container, &self.record, now_ms());
            let health = condition.as_ref().map(|condition| condition.health);
            let reason = condition.and_then(|condition| condition.reason);
            match health {
                Some(Health::Healthy) => {
                    if waiting.is_news(&container.id) {
                        self.tell(container, "is ready");
                    }
                }
                Some(Health::Unhealthy) => {
                    return Err(self.client.unhealthy(container, reason).into());
                }
                Some(Health::Starting) | None => {
                    all = false;
                    if let Some(waited) = waiting.too_long(container) {
                        return Err(DockerError::NotReady {
                            service: container.service.clone(),
                            waited,
                            last_seen: reason.unwrap_or_else(|| "it does not run".into()),
                            last_lines: self.client.last_lines(container),
                        }
                        .into());
                    }
                }
            }
        }
        Ok(all)
    }

    /// Waits until all containers of one of the services have ended; its exit code.
    fn wait_stopped(&mut self, services: &[String]) -> Result<Answer, EngineError> {
        self.check(services)?;
        loop {
            self.go_on()?;
            let containers = self.containers()?;
            let mut ends: BTreeMap<&str, Option<i64>> = BTreeMap::new();
            for container in &containers {
                let code = match container.life {
                    Life::Exited { code, .. } => Some(code),
                    Life::Created
                    | Life::Running
                    | Life::Restarting { .. }
                    | Life::Paused
                    | Life::Removing => None,
                };
                let end = ends.entry(&container.service).or_insert(Some(0));
                *end = end.and_then(|earlier| code.map(|code| if code == 0 { earlier } else { code }));
            }
            let ended = ends.into_iter().find_map(|(service, code)| {
                let meant = services.is_empty() || services.iter().any(|name| name == service);
                Some((service.to_owned(), code.filter(|_| meant)?))
            });
            if let Some((service, code)) = ended {
                return Ok(Answer::Exit { service, code: i32::try_from(code).unwrap_or(1) });
            }
            std::thread::sleep(STEP);
        }
    }
}
