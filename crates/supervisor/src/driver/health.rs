//! Health checks, each on a thread of its own while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use backlot_plan::supervise::{Epoch, ReplicaId};
use backlot_process::{ProcessId, Program, describe_exit, in_full};

use backlot_view::Network;

use crate::driver::input::Input;
use crate::runbook::{Check, Databases, ProcessRun};

/// A check that is to be run once.
pub(crate) struct HealthCheck {
    pub(crate) replica: ReplicaId,
    pub(crate) epoch: Epoch,
    pub(crate) limit: Duration,
    pub(crate) service: String,
    pub(crate) check: Check,
    pub(crate) run: ProcessRun,
    /// The process that is checked.
    pub(crate) beside: ProcessId,
    pub(crate) network: Option<Arc<Network>>,
    /// The replica's port for each container port.
    pub(crate) ports: BTreeMap<u16, u16>,
}

impl HealthCheck {
    /// Runs it; the answer comes as an input.
    pub(crate) fn start(self, databases: Arc<dyn Databases>, inputs: Sender<Input>) {
        let (replica, epoch) = (self.replica, self.epoch);
        let failed = inputs.clone();
        let check = move || {
            let answer = self.answer(databases.as_ref());
            let _ = inputs.send(Input::Health { replica, epoch, answer });
        };
        if let Err(error) = thread::Builder::new().name("health".into()).spawn(check) {
            let _ = failed.send(Input::Health { replica, epoch, answer: Err(error.to_string()) });
        }
    }

    fn answer(&self, databases: &dyn Databases) -> Result<(), String> {
        let (program, arguments) = match &self.check {
            Check::Database => return databases.check(&self.service, self.limit),
            Check::Program { program, arguments } => (program, arguments),
        };
        let program = Program::new(program)
            .args(arguments.iter().map(|argument| argument.fill(&self.ports)))
            .envs(&self.run.environment())
            .current_dir(&self.run.directory);
        let program = self.run.within_view(program, Some(self.beside), self.network.as_ref())?;
        let output = program.output(self.limit).map_err(|error| in_full(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = output.last_lines(1).join("");
        let how = describe_exit(output.status);
        Err(if said.is_empty() { how } else { format!("{how}: {said}") })
    }
}
