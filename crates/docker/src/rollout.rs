//! Replicas that come and go without a request being lost, where nginx stands in front of them.

use std::time::{Duration, Instant};

use backlot_state::EngineError;
use backlot_supervisor::News;

use crate::answer::Project;
use crate::client::{ANSWER_LIMIT, run};
use crate::compose::ComposeProject;
use crate::container::{Container, Life};
use crate::error::DockerError;
use crate::wait::Waiting;

/// How long a new replica may take to be there at all, before it is waited for.
const MADE_LIMIT: Duration = Duration::from_secs(30);
/// The time between two looks.
const STEP: Duration = Duration::from_millis(100);

impl Project<'_> {
    /// Runs `count` replicas of `service`: new ones are in nginx's rotation when this returns, and those that are too
    /// many finish their requests before they are stopped.
    pub(super) fn scale_to(&mut self, service: &str, count: u32, wait: bool) -> Result<(), EngineError> {
        let mut replicas = self.replicas(service)?;
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let is_dead = |one: &Container| one.life != Life::Running;
        if wanted < replicas.len() {
            // Those that do not run leave first, then the newest, as with Compose.
            replicas.sort_by_key(is_dead);
            let (staying, leaving) = replicas.split_at(wanted);
            return self.retire(service, leaving, staying);
        }
        if wanted > replicas.len() || replicas.iter().any(is_dead) {
            self.add(service, wanted, wait)?;
        }
        if wait {
            self.show_to_fronts(service)?;
        }
        Ok(())
    }

    /// Replaces the replicas of `service` one after another: a new one is ready and in nginx's rotation before an old
    /// one leaves it, finishes its requests and is stopped. A new one that does not get ready is removed again, and the
    /// old ones stay as they are.
    pub(super) fn roll(&mut self, service: &str) -> Result<(), EngineError> {
        let old = self.replicas(service)?;
        if !self.can_roll(service)? {
            return self.restart_each(service, &old);
        }
        for index in 0..old.len() {
            let leaving = &old[index];
            self.add(service, old.len() + 1, true)?;
            let staying: Vec<Container> =
                self.replicas(service)?.into_iter().filter(|one| one.id != leaving.id).collect();
            self.retire(service, std::slice::from_ref(leaving), &staying)?;
        }
        Ok(())
    }

    /// Whether `service` runs behind an nginx, so that there can be two of a replica side by side.
    pub(super) fn can_roll(&self, service: &str) -> Result<bool, EngineError> {
        let replicas = self.replicas(service)?;
        let is_behind = !self.fronts_of(service, &self.containers()?).is_empty();
        let mut running = replicas.iter().filter(|one| one.life == Life::Running).peekable();
        Ok(is_behind && running.peek().is_some() && running.all(|one| one.published.is_empty()))
    }

    /// Rolls `service` if its files say something else now, or its image is to be built anew.
    pub(super) fn roll_if_changed(&mut self, service: &str, build: bool) -> Result<(), EngineError> {
        self.build_if(service, build)?;
        let wanted = self.config_hash(service)?;
        let is_same = |one: &Container| one.config_hash.is_some() && one.config_hash == wanted;
        if !build && self.replicas(service)?.iter().all(is_same) {
            return Ok(());
        }
        self.roll(service)
    }

    /// A verb of Docker's that ends these containers, in no more than the time that is asked for.
    fn hastened(&self, verb: &str, ids: &[&str]) -> Result<(), EngineError> {
        let words = self.client.hastened(verb);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(ids.iter().copied()).collect();
        self.docker(&words)
    }

    /// Has the image of `service` built anew, if so.
    pub(super) fn build_if(&mut self, service: &str, build: bool) -> Result<(), EngineError> {
        if build { self.compose(&["build", service]) } else { Ok(()) }
    }

    /// What Compose says of what the files make of a service now.
    fn config_hash(&self, service: &str) -> Result<Option<String>, EngineError> {
        let compose = ComposeProject::recorded(&self.record);
        let program = self.client.compose_in(&compose, ["config", "--hash", service])?;
        let output = run(&program, ANSWER_LIMIT, self.interrupted)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let hash = text.lines().find_map(|line| line.strip_prefix(service)?.strip_prefix(' '));
        Ok(hash.map(|hash| hash.trim().to_owned()))
    }

    /// Without an nginx in front, or with a port of its own on the host, there cannot be two side by side: one after
    /// another is restarted, and requests to it may be lost meanwhile.
    fn restart_each(&mut self, service: &str, replicas: &[Container]) -> Result<(), EngineError> {
        let text = "is restarted in place: no nginx of the stack is in front of it, so requests may be lost";
        (self.news)(News { service: service.to_owned(), replica: None, text: text.into(), bad: true });
        for replica in replicas {
            self.hastened("restart", &[&replica.id])?;
            self.wait_for_new(service, &[])?;
        }
        Ok(())
    }

    fn replicas(&self, service: &str) -> Result<Vec<Container>, EngineError> {
        let mut replicas = self.containers()?;
        replicas.retain(|container| container.service == service);
        Ok(replicas)
    }

    /// Starts replicas until `count` run; none of those that do is touched. New ones that do not get ready are removed
    /// again.
    fn add(&mut self, service: &str, count: usize, wait: bool) -> Result<(), EngineError> {
        let there = self.replicas(service)?;
        let before: Vec<String> = there.iter().map(|container| container.id.clone()).collect();
        // Compose also starts those again that have ended.
        let running = there.iter().filter(|container| container.life == Life::Running);
        let running: Vec<String> = running.map(|container| container.id.clone()).collect();
        let scale = format!("{service}={count}");
        self.compose(&["up", "-d", "--no-deps", "--no-recreate", "--scale", &scale, service])?;
        if !wait {
            return Ok(());
        }
        let outcome = self.wait_for_new(service, &running);
        if outcome.is_err() {
            let new = self.replicas(service)?.into_iter().filter(|container| !before.contains(&container.id));
            for container in new {
                self.docker(&["rm", "--force", "--volumes", &container.id])?;
            }
        }
        outcome
    }

    /// Waits until the replicas that were not there `before` are ready.
    fn wait_for_new(&mut self, service: &str, before: &[String]) -> Result<(), EngineError> {
        let start = Instant::now();
        let mut waiting = Waiting::new();
        loop {
            self.go_on()?;
            let mut new = self.replicas(service)?;
            new.retain(|container| !before.contains(&container.id));
            if new.is_empty() && start.elapsed() > MADE_LIMIT {
                let text = format!("Compose started no new replica of {service}");
                return Err(DockerError::Impossible(text).into());
            }
            // A service that ends by itself is no server: it cannot be rolled.
            if let Some(ended) = new.iter().find(|one| matches!(one.life, Life::Exited { code: 0, .. })) {
                return Err(DockerError::Exited {
                    service: service.to_owned(),
                    code: 0,
                    out_of_memory: false,
                    last_lines: self.client.last_lines(ended),
                }
                .into());
            }
            if !new.is_empty() && self.look(&mut waiting, &new)? {
                return Ok(());
            }
            std::thread::sleep(STEP);
        }
    }

    /// Has each nginx in front of `service` look at its replicas again.
    fn show_to_fronts(&self, service: &str) -> Result<(), EngineError> {
        for front in self.fronts_of(service, &self.containers()?) {
            self.look_again(&front, service)?;
        }
        Ok(())
    }

    /// Takes replicas out of nginx's rotation, and stops and removes them when their requests are finished.
    fn retire(
        &mut self,
        service: &str,
        leaving: &[Container],
        staying: &[Container],
    ) -> Result<(), EngineError> {
        let fronts = self.fronts_of(service, &self.containers()?);
        let staying: Vec<&Container> =
            staying.iter().filter(|container| container.life == Life::Running).collect();
        // Without any that stays, nobody can be asked in its place.
        for front in fronts.iter().filter(|_| !staying.is_empty()) {
            self.keep_only(front, service, &staying)?;
        }
        let ids: Vec<&str> = leaving.iter().map(|container| container.id.as_str()).collect();
        self.hastened("stop", &ids)?;
        self.docker(&[&["rm", "--force", "--volumes"], ids.as_slice()].concat())?;
        for container in leaving {
            self.tell(container, "has left");
        }
        // Docker's resolver does not know them any more: the names in nginx mean the same with and without our lines.
        for front in &fronts {
            self.forget_hosts(front, service)?;
        }
        Ok(())
    }
}
