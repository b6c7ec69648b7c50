//! One replica: from its place in the queue to its end.

use std::time::Duration;

use super::action::{Action, Report};
use super::health::Checks;
use super::ids::{Epoch, Moment, Release, ReplicaId, ServiceId, Timer, TimerKind};
use super::outbox::Outbox;
use super::phase::{Health, Phase, Standing};
use super::reason::Reason;
use super::restart::Restarts;
use super::spec::Readiness;
use super::terms::Terms;

#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) id: ReplicaId,
    pub(super) release: Release,
    pub(super) terms: Terms,
    pub(super) standing: Standing,
    pub(super) phase: Phase,
    pub(super) restarts: Restarts,
    pub(super) checks: Checks,
    /// Whether one of its processes was ready since somebody last wanted it up.
    pub(super) proven: bool,
    pub(super) present: Present,
    timer: Option<Timer>,
}

/// What is known of its present process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Present {
    /// Whether it listens where it should, which is not always what it is judged by.
    pub(super) listens: bool,
    /// Whether it was given requests.
    pub(super) served: bool,
    /// Whether it is ready by an earlier health check only: it serves, but nobody is told that all is well.
    pub(super) on_trial: bool,
}

impl Replica {
    pub(super) fn new(
        service: ServiceId,
        number: u32,
        release: (Release, Terms),
        standing: Standing,
    ) -> Self {
        Self {
            id: ReplicaId { service, number, run: 0 },
            release: release.0,
            terms: release.1,
            standing,
            phase: Phase::Waiting,
            restarts: Restarts::default(),
            checks: Checks::default(),
            proven: false,
            present: Present::default(),
            timer: None,
        }
    }

    /// Goes on to another phase. The wait of the earlier one is over.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.timer = None;
        self.phase = phase;
    }

    /// Waits for something, and for nothing else any more.
    pub(super) fn wait(&mut self, kind: TimerKind, after: Duration, out: &mut Outbox) -> Epoch {
        let timer = Timer { replica: self.id, epoch: out.next_epoch(), kind };
        self.timer = Some(timer);
        out.push(Action::SetTimer { timer, after });
        timer.epoch
    }

    /// Waits for nothing any more.
    pub(super) fn stop_waiting(&mut self) {
        self.timer = None;
    }

    /// Whether this is the wait that goes on.
    pub(super) fn waits_for(&self, kind: TimerKind, epoch: Epoch) -> bool {
        self.timer.is_some_and(|timer| timer.kind == kind && timer.epoch == epoch)
    }

    pub(super) fn spawn(&mut self, out: &mut Outbox) {
        self.id.run = out.next_run();
        self.enter(Phase::Spawning);
        out.push(Action::Spawn { replica: self.id, release: self.release });
    }

    pub(super) fn on_spawned(&mut self, out: &mut Outbox, now: Moment) {
        if self.phase != Phase::Spawning {
            return;
        }
        self.enter(Phase::Running { since: now, health: Health::Starting });
        self.present = Present::default();
        if !self.is_leaving() {
            self.await_readiness(out);
        }
    }

    /// Begins to find out whether it is ready.
    pub(super) fn await_readiness(&mut self, out: &mut Outbox) {
        self.checks = Checks::default();
        match self.terms.readiness {
            Readiness::Running { for_at_least } if for_at_least.is_zero() => self.become_healthy(out),
            Readiness::Running { for_at_least } => {
                self.wait(TimerKind::Settled, for_at_least, out);
            }
            Readiness::Listening { limit } => {
                self.wait(TimerKind::ListenLimit, limit, out);
            }
            Readiness::Check(check) => self.check(&check, out),
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, out: &mut Outbox, now: Moment) {
        if !self.waits_for(timer.kind, timer.epoch) {
            return;
        }
        self.stop_waiting();
        match timer.kind {
            TimerKind::Settled => self.become_healthy(out),
            TimerKind::ListenLimit => self.on_listen_limit(out),
            TimerKind::NextCheck => self.on_check_due(out),
            TimerKind::CheckLimit => self.on_check_limit(out, now),
            TimerKind::BackOff => self.spawn(out),
            TimerKind::DrainLimit => self.ask_to_end(out),
            TimerKind::Grace => self.kill(out),
            TimerKind::KillLimit => {
                out.report(Report::Unkillable(self.id));
                self.kill(out);
            }
        }
    }

    /// The process ended, or there never was one.
    pub(super) fn on_end(&mut self, reason: Reason, job: bool, out: &mut Outbox, now: Moment) {
        if !self.phase.has_process() {
            return;
        }
        let ran =
            if let Phase::Running { since, .. } = self.phase { now.since(since) } else { Duration::ZERO };
        self.leave_gateway(out);
        match self.standing {
            // What is to go is taken away when the stack is settled.
            Standing::Leaving | Standing::Doomed => self.enter(Phase::Completed),
            // A new one that fails ends its rollout; it is not tried again.
            Standing::Candidate => self.fail(reason, out),
            Standing::Current | Standing::Outdated => self.end_or_restart(reason, ran, job, out),
        }
    }

    fn end_or_restart(&mut self, reason: Reason, ran: Duration, job: bool, out: &mut Outbox) {
        let success = matches!(&reason, Reason::Exited(exit) if exit.is_success());
        // What never ran is a mistake in the project, which time does not mend.
        let never_ran = matches!(&reason, Reason::NotSpawned { .. }) && self.restarts.count() == 0;
        let may_end = match self.terms.readiness {
            Readiness::Running { .. } => true,
            // One that never listened was no server.
            Readiness::Listening { .. } => !self.present.listens,
            Readiness::Check(_) => false,
        };
        if success && job {
            self.complete(out);
        } else if !never_ran && self.restarts.wanted(self.terms.restart, success) {
            let delay = self.restarts.next_delay(ran);
            self.enter(Phase::BackingOff { reason: reason.clone(), delay });
            self.wait(TimerKind::BackOff, delay, out);
            out.report(Report::Restarting { replica: self.id, reason, after: delay });
        } else if success && may_end {
            self.complete(out);
        } else {
            self.fail(reason, out);
        }
    }

    fn complete(&mut self, out: &mut Outbox) {
        self.enter(Phase::Completed);
        out.report(Report::Completed(self.id));
    }

    fn fail(&mut self, reason: Reason, out: &mut Outbox) {
        self.enter(Phase::Failed(reason.clone()));
        out.report(Report::Failed { replica: self.id, reason });
    }

    /// Begins anew after a failure, without waiting for its restart.
    pub(super) fn try_again(&mut self, release: (Release, Terms)) {
        if let Phase::Failed(_) | Phase::BackingOff { .. } = self.phase {
            (self.release, self.terms) = release;
            self.restarts = Restarts::default();
            self.proven = false;
            self.enter(Phase::Waiting);
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.standing.is_leaving()
    }

    /// Whether it is ready by what is asked of it now.
    pub(super) fn is_ready_and_well(&self) -> bool {
        self.phase.is_ready() && !(self.present.on_trial && self.phase.has_process())
    }

    /// Whether it is out of service: what is left of it is a process that was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        self.is_leaving() && matches!(self.phase, Phase::Stopping | Phase::Killing)
    }

    /// Whether it is one of those asked for.
    pub(super) fn is_member(&self) -> bool {
        match self.standing {
            Standing::Current | Standing::Outdated => true,
            Standing::Candidate | Standing::Leaving | Standing::Doomed => false,
        }
    }

    /// What is wrong with it, if it is more than that time has to pass.
    pub(super) fn trouble(&self) -> Option<Reason> {
        match &self.phase {
            Phase::BackingOff { reason, .. } if self.restarts.loops() => {
                Some(Reason::CrashLoop { exit: Box::new(reason.clone()), deaths: self.restarts.in_a_row() })
            }
            // Whoever waits for it to come up is told at once, whatever becomes of the next process.
            Phase::BackingOff { reason, .. } => (!self.proven).then(|| reason.clone()),
            Phase::Blocked(reason)
            | Phase::Failed(reason)
            | Phase::Running { health: Health::Unhealthy(reason), .. } => Some(reason.clone()),
            Phase::Running { health: Health::Starting | Health::Healthy, .. }
            | Phase::Waiting
            | Phase::Spawning
            | Phase::Draining
            | Phase::Stopping
            | Phase::Killing
            | Phase::Completed => None,
        }
    }
}
