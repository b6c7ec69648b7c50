//! How a replica goes: its requests end, it is asked to end, it is killed.

use std::time::Duration;

use super::action::Action;
use super::ids::TimerKind;
use super::outbox::Outbox;
use super::phase::{Health, Phase};
use super::replica::Replica;
use super::stack::Node;

/// How long the kernel may take to end a killed process before that is told.
const KILL_LIMIT: Duration = Duration::from_secs(5);

impl Replica {
    /// Takes the first step of an orderly end; nothing if that was done before or there is no process.
    pub(super) fn begin_to_leave(&mut self, node: &Node, out: &mut Outbox) -> bool {
        let Phase::Running { health, .. } = &self.phase else { return false };
        let may_have_requests = match health {
            Health::Starting => false,
            Health::Healthy | Health::Unhealthy(_) => node.spec.gateway,
        };
        if may_have_requests {
            let limit = node.spec.stop_grace;
            self.enter(Phase::Draining);
            out.push(Action::Drain { replica: self.id, limit });
            self.wait(TimerKind::DrainLimit, limit, out);
        } else {
            self.ask_to_end(node, out);
        }
        true
    }

    pub(super) fn on_drained(&mut self, node: &Node, out: &mut Outbox) {
        if self.phase == Phase::Draining {
            self.ask_to_end(node, out);
        }
    }

    pub(super) fn ask_to_end(&mut self, node: &Node, out: &mut Outbox) {
        self.enter(Phase::Stopping);
        out.push(Action::Signal { replica: self.id, signal: node.spec.stop_signal });
        self.wait(TimerKind::Grace, node.spec.stop_grace, out);
    }

    /// Kills a doomed process; nothing if that was done before or there is none yet.
    pub(super) fn be_killed(&mut self, node: &Node, out: &mut Outbox) -> bool {
        match self.phase {
            Phase::Running { .. } | Phase::Draining | Phase::Stopping => {
                self.kill(node, out);
                true
            }
            Phase::Waiting
            | Phase::Blocked(_)
            | Phase::Spawning
            | Phase::BackingOff { .. }
            | Phase::Killing
            | Phase::Completed
            | Phase::Failed(_) => false,
        }
    }

    pub(super) fn kill(&mut self, node: &Node, out: &mut Outbox) {
        self.leave_gateway(node, out);
        self.enter(Phase::Killing);
        out.push(Action::Kill(self.id));
        self.wait(TimerKind::KillLimit, KILL_LIMIT, out);
    }
}
