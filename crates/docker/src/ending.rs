//! The last lines of a container, and what its end means.

use std::time::Duration;

use crate::client::{Client, run};
use crate::container::{Container, Life};
use crate::error::DockerError;

/// As many lines are shown of a container that failed.
const LINES: usize = 10;
/// How long Docker may take to print them.
const LIMIT: Duration = Duration::from_secs(5);

impl Client {
    /// The last lines that a container has printed, to either stream.
    pub(super) fn last_lines(&self, container: &Container) -> Vec<String> {
        let program = self.docker(["logs", "--tail", &LINES.to_string(), &container.id]);
        let Ok(output) = run(&program, LIMIT, &std::sync::atomic::AtomicBool::new(false)) else {
            return Vec::new();
        };
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&both);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
    }

    /// The error that a container is which should run and does not; none if it runs, or did its work and ended well.
    pub(super) fn failure_of(&self, container: &Container) -> Option<DockerError> {
        let (code, out_of_memory) = match container.life {
            Life::Exited { code: 0, .. } if !container.restarted => return None,
            Life::Exited { code, out_of_memory } => (code, out_of_memory),
            Life::Restarting { code } => (code, false),
            // It has died, and was started again a moment ago.
            Life::Running if container.restarts > 0 => return self.failure_of_restarted(container),
            Life::Created | Life::Running | Life::Paused | Life::Removing => return None,
        };
        let (service, last_lines) = (container.service.clone(), self.last_lines(container));
        Some(DockerError::Exited { service, code, out_of_memory, last_lines })
    }

    /// The error that a container is which runs, and is not well for this reason.
    pub(super) fn unhealthy(&self, container: &Container, reason: Option<String>) -> DockerError {
        DockerError::Unhealthy {
            service: container.service.clone(),
            reason: reason.unwrap_or_default(),
            last_lines: self.last_lines(container),
        }
    }

    fn failure_of_restarted(&self, container: &Container) -> Option<DockerError> {
        // One that has been up for long had its trouble earlier.
        let age = container.started.map(|started| crate::report::now_ms().saturating_sub(started));
        let is_new = age.is_some_and(|age| age < 10_000);
        let reason = || format!("it has ended and been started again {} times", container.restarts);
        is_new.then(|| self.unhealthy(container, Some(reason())))
    }
}
