//! How a replica goes: its requests end, it is asked to end, it is killed.

use std::time::Duration;

use super::action::Action;
use super::ids::TimerKind;
use super::outbox::Outbox;
use super::phase::Phase;
use super::replica::Replica;

/// How long the kernel may take to end a killed process before that is told.
const KILL_LIMIT: Duration = Duration::from_secs(5);

impl Replica {
    /// Its end may take no longer than this, if it has not begun yet.
    pub(super) fn hasten(&mut self, grace: Duration) {
        self.terms.stop_grace = grace;
    }

    /// Takes the first step of an orderly end; nothing if that was done before or there is no process.
    pub(super) fn begin_to_leave(&mut self, out: &mut Outbox) -> bool {
        let Phase::Running { .. } = &self.phase else { return false };
        if self.present.served {
            let limit = self.terms.stop_grace;
            self.enter(Phase::Draining);
            out.push(Action::Drain { replica: self.id, limit });
            self.wait(TimerKind::DrainLimit, limit, out);
        } else {
            self.ask_to_end(out);
        }
        true
    }

    pub(super) fn on_drained(&mut self, out: &mut Outbox) {
        if self.phase == Phase::Draining {
            self.ask_to_end(out);
        }
    }

    pub(super) fn ask_to_end(&mut self, out: &mut Outbox) {
        self.enter(Phase::Stopping);
        out.push(Action::Signal { replica: self.id, signal: self.terms.stop_signal });
        self.wait(TimerKind::Grace, self.terms.stop_grace, out);
    }

    /// Kills a doomed process; nothing if that was done before or there is none yet.
    pub(super) fn be_killed(&mut self, out: &mut Outbox) -> bool {
        match self.phase {
            Phase::Running { .. } | Phase::Draining | Phase::Stopping => {
                self.kill(out);
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

    pub(super) fn kill(&mut self, out: &mut Outbox) {
        self.leave_gateway(out);
        self.enter(Phase::Killing);
        out.push(Action::Kill(self.id));
        self.wait(TimerKind::KillLimit, KILL_LIMIT, out);
    }
}
