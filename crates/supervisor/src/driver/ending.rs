//! How a replica is asked to end, and ended.

use backlot_plan::supervise::{ReplicaId, Signal as PlanSignal};
use backlot_process::Signal;

use crate::driver::Driver;

impl Driver {
    pub(super) fn signal(&mut self, replica: ReplicaId, signal: PlanSignal) {
        let is_database = self.run_of(replica).is_some_and(|run| run.database_port().is_some());
        let container = self.processes.get(&replica).and_then(|process| process.container.clone());
        if let (Some(container), Some(run)) = (container, self.run_of(replica)) {
            let (grace, id) = (run.stop_grace, self.processes.get(&replica).map(|process| process.id));
            return aside(move || {
                // One that is not there yet ends with its client.
                if !container.stop(grace) {
                    let _ = id.map(|id| id.signal(Signal::SIGTERM));
                }
            });
        }
        let is_replaced = self.status_of(replica.service).is_some_and(|status| status.is_rolling());
        let Some(process) = self.processes.get(&replica) else { return };
        if is_replaced {
            // It serves nobody any more, and the one that takes the next one's place is on its way.
            let _ = backlot_process::give_way(&process.id);
        }
        let signal = if is_database && self.databases.has_to_end_at_once(process.id) {
            Ok(Signal::SIGQUIT)
        } else {
            Signal::try_from(signal.0)
        };
        if let Ok(signal) = signal {
            let _ = process.id.signal(signal);
        }
    }

    pub(super) fn kill(&mut self, replica: ReplicaId) {
        let is_database = self.run_of(replica).is_some_and(|run| run.database_port().is_some());
        let Some(process) = self.processes.get_mut(&replica) else { return };
        process.stopping = true;
        if let Some(hooks) = &process.hooks {
            hooks.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        if let Some(container) = process.container.clone().filter(|_| !process.killed) {
            process.killed = true;
            let id = process.id;
            // Its client ends with it; should the engine say nothing, without it.
            return aside(move || {
                container.remove();
                let _ = id.signal_group(Signal::SIGKILL);
            });
        }
        // A server that is killed leaves its children and its shared memory: it is asked to stop at once first.
        let _ = if is_database && !process.killed {
            process.id.signal(Signal::SIGQUIT)
        } else if is_database {
            process.id.signal(Signal::SIGKILL)
        } else {
            process.id.signal_group(Signal::SIGKILL)
        };
        process.killed = true;
    }
}

/// Does what may wait for others on a thread of its own.
fn aside(work: impl FnOnce() + Send + 'static) {
    // Where there is no thread to be had, what is left is found by its label.
    let _ = std::thread::Builder::new().name("aside".into()).spawn(work);
}
