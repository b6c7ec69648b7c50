//! Health checks, each on a thread of its own while it runs.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use backlot_plan::supervise::{Epoch, ReplicaId};
use backlot_process::in_full;

use crate::driver::beside::{Beside, outcome};
use crate::driver::input::Input;
use crate::runbook::{Check, Databases};

/// A check that is to be run once.
pub(crate) struct HealthCheck {
    pub(crate) replica: ReplicaId,
    pub(crate) epoch: Epoch,
    pub(crate) limit: Duration,
    pub(crate) service: String,
    pub(crate) check: Check,
    pub(crate) beside: Beside,
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
        let program = self.beside.program(program, arguments, None)?;
        outcome(&program.output(self.limit).map_err(|error| in_full(&error))?)
    }
}
