//! What runs beside a replica when it has started, and before it is asked to end: each on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use backlot_logs::{LogSet, Stream};
use backlot_plan::supervise::{Event, ReplicaId, Signal as PlanSignal};
use backlot_process::in_full;

use crate::driver::Driver;
use crate::driver::beside::{Beside, outcome};
use crate::driver::input::{Input, When};
use crate::runbook::{HookRun, ServiceKind, ServiceRun};

/// Programs of the user's may take their time: this is for ever.
const NO_LIMIT: Duration = Duration::from_hours(24 * 365);

/// Hooks to be run one after another, until one fails.
struct Hooks {
    list: Vec<HookRun>,
    when: When,
    limit: Duration,
    service: String,
    label: String,
    beside: Beside,
    /// Variables of all of them, beside those of the service.
    variables: BTreeMap<String, String>,
    logs: LogSet,
    over: Arc<AtomicBool>,
}

impl Driver {
    /// A process of a replica runs: it has started when what is to run then has ended well.
    pub(super) fn started(&mut self, replica: ReplicaId, run: &ServiceRun) {
        if run.post_start.is_empty() {
            self.tell(Event::Spawned(replica));
        } else {
            self.run_hooks(replica, run, When::PostStart, NO_LIMIT);
        }
    }

    /// Asks a process to end, after what is to run before.
    pub(super) fn ask_to_end(&mut self, replica: ReplicaId, signal: PlanSignal) {
        let Some(run) = self.run_of(replica) else { return };
        let Some(process) = self.processes.get_mut(&replica) else { return };
        process.stopping = true;
        if run.pre_stop.is_empty() || process.asked.is_some() {
            return self.signal(replica, signal);
        }
        process.asked = Some(signal);
        self.run_hooks(replica, &run, When::PreStop, run.stop_grace);
    }

    fn run_hooks(&mut self, replica: ReplicaId, run: &ServiceRun, when: When, limit: Duration) {
        let label = self.machine.label(replica);
        let Some(process) = self.processes.get_mut(&replica) else { return };
        let over = Arc::new(AtomicBool::new(false));
        process.hooks = Some(Arc::clone(&over));
        let mut variables = self.runbook.marks.clone();
        if let (Some(port), ServiceKind::Process(own)) = (process.ports().first(), &run.kind) {
            variables.extend(own.port_variables.iter().map(|name| (name.clone(), port.to_string())));
        }
        variables.insert("BACKLOT_REPLICA".into(), label.clone());
        let list = match when {
            When::PostStart => run.post_start.clone(),
            When::PreStop => run.pre_stop.clone(),
        };
        let (service, logs, pid) = (run.name.clone(), self.logs.clone(), process.id.pid);
        let beside = Beside::of(run, process);
        let hooks = Hooks { list, when, limit, service, label, beside, variables, logs, over };
        let inputs = self.inputs.clone();
        let all = move || {
            let outcome = hooks.run();
            let _ = inputs.send(Input::Hooked { replica, pid, when, outcome });
        };
        if let Err(error) = thread::Builder::new().name("hook".into()).spawn(all) {
            self.hooked(replica, pid, when, Err(error.to_string()));
        }
    }

    /// Hooks have run, for the process with this number.
    pub(super) fn hooked(&mut self, replica: ReplicaId, pid: i32, when: When, outcome: Result<(), String>) {
        let leaves = self.leaves(replica);
        let Some(process) = self.processes.get_mut(&replica).filter(|process| process.id.pid == pid) else {
            return;
        };
        process.hooks = None;
        match (when, outcome) {
            (When::PreStop, _) => {
                if let Some(signal) = process.asked {
                    self.signal(replica, signal);
                }
            }
            (When::PostStart, Err(detail)) if !leaves => {
                // Its end is told when it has come.
                process.failed = Some(detail);
                self.kill(replica);
            }
            (When::PostStart, Ok(()) | Err(_)) => self.tell(Event::Spawned(replica)),
        }
    }

    /// Ends what runs after the start of those that are to go.
    pub(super) fn give_up_hooks(&self) {
        for (replica, process) in &self.processes {
            if let Some(over) = process.hooks.as_ref().filter(|_| process.asked.is_none())
                && self.leaves(*replica)
            {
                over.store(true, Ordering::Relaxed);
            }
        }
    }

    fn leaves(&self, replica: ReplicaId) -> bool {
        let status = self.status_of(replica.service);
        let found = status.and_then(|status| status.replicas().find(|status| status.replica == replica));
        found.is_none_or(|found| found.standing.is_leaving())
    }
}

impl Hooks {
    fn run(&self) -> Result<(), String> {
        self.list.iter().try_for_each(|hook| {
            let outcome = self.run_one(hook);
            if let Err(detail) = &outcome {
                self.logs.line(&self.service, &self.label, Stream::Err, &format!("(backlot: {detail})"));
            }
            outcome
        })
    }

    fn run_one(&self, hook: &HookRun) -> Result<(), String> {
        let program = self.beside.program(&hook.program, &hook.arguments, Some(&hook.directory))?;
        let program = program.envs(&self.variables).envs(&hook.variables);
        let mut goes_on = |_: backlot_process::Printed<'_>| !self.over.load(Ordering::Relaxed);
        let key = self.when.key();
        let output = program
            .output_while(&[], self.limit, &mut goes_on)
            .map_err(|error| format!("its {key} failed: {}", in_full(&error)))?;
        for (stream, text) in [(Stream::Out, &output.stdout), (Stream::Err, &output.stderr)] {
            for line in String::from_utf8_lossy(text).lines() {
                self.logs.line(&self.service, &self.label, stream, line);
            }
        }
        // Its arguments may hold secrets.
        outcome(&output).map_err(|how| format!("its {key} `{}` {how}", hook.program.display()))
    }
}
