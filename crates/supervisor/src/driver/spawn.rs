//! Starting replicas, and starting one again that could not have its port.

use std::sync::Arc;
use std::time::Duration;

use backlot_plan::supervise::{Event, Exit, Release, ReplicaId};
use backlot_process::{ProcessId, port_holder, try_port, with_descendants};

use crate::driver::Driver;
use crate::driver::input::Input;
use crate::driver::launch::{Launch, Process};
use crate::runbook::{ServiceKind, ServiceRun};
use backlot_logs::Stream;

/// How often a replica is started in all, when others take the ports that it is told.
const MOST_LAUNCHES: u32 = 3;

impl Driver {
    pub(super) fn spawn(&mut self, replica: ReplicaId, release: Release) {
        let Some(run) = self.releases.get(&(replica.service, release)).map(Arc::clone) else {
            // Nobody is to wait for what cannot be.
            let detail = "it is not known any more what it is made of".to_owned();
            return self.tell(Event::SpawnFailed { replica, detail });
        };
        // They are open already, unless it was asked for by other ways than an `up`.
        if let Err(failure) = self.endpoints.open(&run) {
            return self.tell(Event::SpawnFailed { replica, detail: failure.text });
        }
        match run.kind {
            ServiceKind::Process(_) | ServiceKind::Front(_) => match self.launch(replica, &run, 1) {
                // A container has started when its first process is there.
                Ok(()) if run.process().container.is_some() => {}
                Ok(()) => self.started(replica, &run),
                Err(detail) => self.tell(Event::SpawnFailed { replica, detail }),
            },
            ServiceKind::Database { .. } => self.start_database(replica, &run.name),
        }
    }

    /// Starts the process of a replica, for the `count`th time.
    fn launch(&mut self, replica: ReplicaId, run: &ServiceRun, count: u32) -> Result<(), String> {
        let launch = Launch {
            replica,
            label: self.machine.label(replica),
            service: &run.name,
            run: run.process(),
            network: self.addresses.enter(run),
            behind_gateway: matches!(run.kind, ServiceKind::Process(_)),
            quiet_after: run.quiet_after,
            count,
            logs: &self.logs,
            marks: &self.runbook.marks,
            inputs: &self.inputs,
            ends: &self.ends,
        };
        let network = launch.network.clone();
        let process = launch.start().inspect_err(|_| {
            if let Some(network) = &network {
                self.addresses.leave(&run.name, network);
            }
        })?;
        self.tails.insert((replica.service, replica.number), process.tail.clone());
        self.processes.insert(replica, process);
        Ok(())
    }

    /// A process has ended. One that failed because somebody else has taken a port that we told it is started again with
    /// other ports: that was not its fault, and whoever waits for it need not know.
    pub(super) fn exited(&mut self, replica: ReplicaId, exit: Exit) {
        if exit != Exit::Code(0)
            && let Some((port, by)) = self.taken_from(replica)
            && let Some(process) = self.processes.get(&replica).filter(|process| !process.stopping)
            && process.launches < MOST_LAUNCHES
            && let (count, Some(run)) = (process.launches + 1, self.run_of(replica))
        {
            let text = format!(
                "(backlot: port {port}, which it was told, is in use{by}: it is started again with another)"
            );
            self.logs.line(&run.name, &self.machine.label(replica), Stream::Err, &text);
            self.forget(replica);
            if self.launch(replica, &run, count).is_ok() {
                if run.process().container.is_none() {
                    self.started(replica, &run);
                }
                return;
            }
        }
        let process = self.processes.get_mut(&replica);
        let is_unseen = process.as_ref().is_some_and(|one| one.container.is_some() && one.inside.is_none());
        let failed = process.and_then(|process| process.failed.take());
        self.forget(replica);
        if is_unseen && failed.is_none() {
            // It has come and gone between two looks.
            self.tell(Event::Spawned(replica));
        }
        self.tell(match failed {
            Some(detail) => Event::SpawnFailed { replica, detail },
            None => Event::Exited { replica, exit },
        });
    }

    /// A port that a replica was told, that it does not listen on, and that somebody else has; and who, for people.
    pub(super) fn taken_from(&self, replica: ReplicaId) -> Option<(u16, String)> {
        let process = self.processes.get(&replica)?;
        if process.listens() || process.claims.is_empty() {
            return None;
        }
        let taken =
            |port: &&u16| try_port(**port).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
        let port = *process.told.iter().find(taken)?;
        let Some(holder) = port_holder(port) else { return Some((port, String::new())) };
        let ours = with_descendants(std::process::id().cast_signed());
        (!holder.pid().is_some_and(|pid| ours.contains(&pid))).then(|| (port, format!(" by {holder}")))
    }

    /// The first process of a container is there: it has started.
    pub(super) fn begun(&mut self, replica: ReplicaId, pid: i32) {
        let run = self.run_of(replica);
        let Some(process) = self.processes.get_mut(&replica) else { return };
        process.inside = Some(pid);
        if let Some(run) = run {
            self.started(replica, &run);
        }
    }

    /// A container does not come to be.
    pub(super) fn not_begun(&mut self, replica: ReplicaId, waited: Duration) {
        let Some(process) = self.processes.get_mut(&replica) else { return };
        process.failed = Some(format!("the container did not run after {} s", waited.as_secs()));
        self.kill(replica);
    }

    /// A server takes its time to start, and is not our child.
    fn start_database(&mut self, replica: ReplicaId, service: &str) {
        let (databases, inputs) = (Arc::clone(&self.databases), self.inputs.clone());
        let service = service.to_owned();
        let start = move || {
            let outcome = databases.start(&service);
            let _ = inputs.send(Input::DatabaseStarted { replica, outcome });
        };
        if let Err(error) = std::thread::Builder::new().name("database".into()).spawn(start) {
            self.tell(Event::SpawnFailed { replica, detail: error.to_string() });
        }
    }

    pub(super) fn database_started(&mut self, replica: ReplicaId, outcome: Result<ProcessId, String>) {
        let outcome = outcome.and_then(|id| {
            let inputs = self.inputs.clone();
            let ended = move || {
                let _ = inputs.send(Input::Exited { replica, exit: Exit::Unknown });
            };
            self.ends.when_over(id, ended).map(|()| id).map_err(|error| error.to_string())
        });
        match outcome {
            Ok(id) => {
                let run = self.run_of(replica);
                let mut process = Process::of_database(id, run.as_ref().and_then(|run| run.database_port()));
                process.network = run.as_ref().and_then(|run| self.addresses.enter(run));
                self.processes.insert(replica, process);
                match run {
                    Some(run) => self.started(replica, &run),
                    None => self.tell(Event::Spawned(replica)),
                }
            }
            Err(detail) => self.tell(Event::SpawnFailed { replica, detail }),
        }
    }
}
