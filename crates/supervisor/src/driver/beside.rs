//! Programs that run beside the process of a replica, in its world: health checks and hooks.

use std::path::Path;
use std::sync::Arc;

use backlot_process::{Output, ProcessId, Program, describe_exit};
use backlot_view::Network;

use crate::driver::launch::{Own, Process};
use crate::runbook::{ProcessRun, ServiceRun, Template};

/// What such a program is given.
pub(crate) struct Beside {
    run: ProcessRun,
    process: ProcessId,
    network: Option<Arc<Network>>,
    own: Own,
}

impl Beside {
    pub(crate) fn of(run: &ServiceRun, process: &Process) -> Self {
        let (run, own) = (run.process().clone(), process.own(run.process()));
        Self { run, process: process.id, network: process.network.clone(), own }
    }

    /// The program, with the service's variables; in its directory, unless another one is said.
    pub(crate) fn program(
        &self,
        program: &Path,
        arguments: &[Template],
        directory: Option<&Path>,
    ) -> Result<Program, String> {
        let program = Program::new(program)
            .args(arguments.iter().map(|argument| argument.fill(&self.own)))
            .envs(&self.run.environment())
            .current_dir(directory.unwrap_or(&self.run.directory));
        self.run.within_view(program, Some(self.process), self.network.as_ref())
    }
}

/// Whether it ended well; else how, and what it said last.
pub(crate) fn outcome(output: &Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let (said, how) = (output.last_lines(1).join(""), describe_exit(output.status));
    Err(if said.is_empty() { how } else { format!("{how}: {said}") })
}
