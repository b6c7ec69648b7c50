//! An nginx in front of a service, which learns of replicas by being told to look again.
//!
//! nginx looks a name of its configuration up once, when it reads it, and gets the addresses of all replicas from
//! Docker's own resolver. So a new replica gets requests after a reload. One that is to leave is taken out first: the
//! addresses that stay are written under the service's name into the nginx container's `/etc/hosts`, which wins over the
//! resolver, and nginx reads its configuration anew. Its old processes finish their requests and end; when they have, no
//! request is under way to the one that leaves, which can then be stopped. The project's configuration is not touched.

use std::time::{Duration, Instant};

use backlot_state::EngineError;

use crate::answer::Project;
use crate::client::{ANSWER_LIMIT, run_while};
use crate::container::{Container, Life};
use crate::error::DockerError;

/// What our lines in `/etc/hosts` end with.
const MARK: &str = "# backlot";
/// How long requests that are under way may take to finish, when the leaving replica's own grace period is shorter.
const DRAIN_LIMIT: Duration = Duration::from_mins(1);
/// The time between two looks at nginx's processes.
const STEP: Duration = Duration::from_millis(100);

impl Project<'_> {
    /// The running nginx containers that pass requests to `service`.
    pub(super) fn fronts_of(&self, service: &str, containers: &[Container]) -> Vec<Container> {
        let is_front = |container: &&Container| {
            let behind = self.record.fronts.get(&container.service);
            behind.is_some_and(|behind| behind.contains(service)) && container.life == Life::Running
        };
        containers.iter().filter(is_front).cloned().collect()
    }

    /// Has nginx pass requests to `staying` only, and waits until its requests to others are finished.
    pub(super) fn keep_only(
        &self,
        front: &Container,
        service: &str,
        staying: &[&Container],
    ) -> Result<(), EngineError> {
        let addresses = staying.iter().flat_map(|container| &container.addresses);
        let lines: Vec<String> = addresses.map(|address| format!("{address}\t{service} {MARK}")).collect();
        self.write_hosts(front, service, &lines)?;
        self.reload(front)
    }

    /// Has nginx ask Docker for the addresses again.
    pub(super) fn look_again(&self, front: &Container, service: &str) -> Result<(), EngineError> {
        self.write_hosts(front, service, &[])?;
        self.reload(front)
    }

    /// Takes our lines away; nginx has read what they said.
    pub(super) fn forget_hosts(&self, front: &Container, service: &str) -> Result<(), EngineError> {
        self.write_hosts(front, service, &[])
    }

    /// Puts `lines` into a container's `/etc/hosts` in the place of ours for `service`.
    fn write_hosts(&self, front: &Container, service: &str, lines: &[String]) -> Result<(), EngineError> {
        let read = self.client.ask(["exec", "--user", "0", &front.id, "cat", "/etc/hosts"])?;
        let text = String::from_utf8_lossy(&read.stdout);
        let ours = format!("\t{service} {MARK}");
        let mut kept: Vec<&str> = text.lines().filter(|line| !line.ends_with(&ours)).collect();
        if lines.is_empty() && kept.len() == text.lines().count() {
            return Ok(());
        }
        kept.extend(lines.iter().map(String::as_str));
        let hosts = format!("{}\n", kept.join("\n"));
        // The file is mounted, so it can be written and not replaced.
        let write = ["exec", "--interactive", "--user", "0", &front.id, "tee", "/etc/hosts"];
        run_while(&self.client.docker(write), hosts.as_bytes(), ANSWER_LIMIT, &mut |_| true)?;
        Ok(())
    }

    /// Has nginx read its configuration anew, and waits until the processes that knew the old one have ended.
    fn reload(&self, front: &Container) -> Result<(), EngineError> {
        self.docker(&["exec", &front.id, "nginx", "-t", "-q"])?;
        let before = self.workers(front)?;
        self.docker(&["exec", &front.id, "nginx", "-s", "reload"])?;
        let start = Instant::now();
        loop {
            self.go_on()?;
            let now = self.workers(front)?;
            // New ones are there, and none of the old.
            if !now.is_empty() && now.iter().all(|pid| !before.contains(pid)) {
                return Ok(());
            }
            if start.elapsed() > DRAIN_LIMIT {
                return Err(DockerError::NotReady {
                    service: front.service.clone(),
                    waited: start.elapsed(),
                    last_seen: "requests that began before its reload are still under way".into(),
                    last_lines: Vec::new(),
                }
                .into());
            }
            std::thread::sleep(STEP);
        }
    }

    /// The numbers of nginx's worker processes.
    fn workers(&self, front: &Container) -> Result<Vec<String>, EngineError> {
        let output = self.client.ask(["top", &front.id, "-eo", "pid,args"])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let workers = text.lines().filter(|line| line.contains("nginx: worker process"));
        Ok(workers.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect())
    }
}
