//! Whether a running replica is well.

use std::time::Duration;

use super::action::{Action, Report};
use super::ids::{Epoch, Moment, TimerKind};
use super::outbox::Outbox;
use super::phase::{Health, Phase};
use super::reason::Reason;
use super::replica::Replica;
use super::spec::Readiness;
use crate::words::HealthTimes;

/// The first pause between two checks of one that is starting; each further one is twice as long.
const QUICK: Duration = Duration::from_millis(50);
/// No pause is longer before the first success: nobody waits much longer than the start takes.
const QUICK_MOST: Duration = Duration::from_millis(400);

/// The health checks of one process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checks {
    /// Failures in a row that count.
    failures: u32,
    counted: Option<Moment>,
    /// Checks answered before the first success.
    quick: u32,
}

impl Replica {
    pub(super) fn check(&mut self, check: &HealthTimes, out: &mut Outbox) {
        let epoch = self.wait(TimerKind::CheckLimit, check.timeout, out);
        out.push(Action::CheckHealth { replica: self.id, epoch, limit: check.timeout });
    }

    pub(super) fn on_check_due(&mut self, out: &mut Outbox) {
        if let Readiness::Check(check) = self.terms.readiness {
            self.check(&check, out);
        }
    }

    pub(super) fn on_health(
        &mut self,
        epoch: Epoch,
        answer: Result<(), String>,
        out: &mut Outbox,
        now: Moment,
    ) {
        if !self.waits_for(TimerKind::CheckLimit, epoch) {
            return;
        }
        let (Readiness::Check(check), Phase::Running { since, .. }) = (self.terms.readiness, &self.phase)
        else {
            return;
        };
        let since = *since;
        match answer {
            Ok(()) => {
                self.checks.failures = 0;
                self.present.on_trial = false;
                self.become_healthy(out);
            }
            Err(detail) => self.on_failed_check(&check, detail, out, now),
        }
        let pause = self.pause(&check, now.since(since));
        self.wait(TimerKind::NextCheck, pause, out);
    }

    pub(super) fn on_check_limit(&mut self, out: &mut Outbox, now: Moment) {
        if let (Readiness::Check(check), Phase::Running { since, .. }) = (self.terms.readiness, &self.phase) {
            let since = *since;
            self.on_failed_check(&check, format!("no answer within {:?}", check.timeout), out, now);
            let pause = self.pause(&check, now.since(since));
            self.wait(TimerKind::NextCheck, pause, out);
        }
    }

    fn on_failed_check(&mut self, check: &HealthTimes, detail: String, out: &mut Outbox, now: Moment) {
        let Phase::Running { since, health } = &self.phase else { return };
        let counts = match health {
            // The quick checks in between do not bring the verdict forward.
            Health::Starting => {
                let last = self.checks.counted.unwrap_or(*since);
                now.since(*since) >= check.start_period && now.since(last) >= check.interval
            }
            Health::Healthy | Health::Unhealthy(_) => true,
        };
        if counts {
            self.checks.counted = Some(now);
            self.checks.failures = self.checks.failures.saturating_add(1);
        }
        if self.checks.failures >= check.retries.max(1) {
            let failures = self.checks.failures;
            self.become_unhealthy(Reason::Unhealthy { failures, detail }, out);
        }
    }

    /// The time until the next check.
    fn pause(&mut self, check: &HealthTimes, ran: Duration) -> Duration {
        let starting = matches!(self.phase, Phase::Running { health: Health::Starting, .. });
        if !starting {
            return check.interval;
        }
        let quick = (QUICK * (1 << self.checks.quick.min(8))).min(QUICK_MOST);
        self.checks.quick = self.checks.quick.saturating_add(1);
        let usual = if ran < check.start_period { check.start_interval } else { check.interval };
        quick.min(usual)
    }

    pub(super) fn on_listening(&mut self, out: &mut Outbox) {
        self.present.listens |= matches!(self.phase, Phase::Running { .. });
        self.on_quiet(out);
    }

    pub(super) fn on_listens_elsewhere(&mut self, address: String, out: &mut Outbox) {
        match self.terms.readiness {
            Readiness::Listening { .. } => {
                if let Phase::Running { health: Health::Starting, .. } = self.phase {
                    self.stop_waiting();
                    self.become_unhealthy(Reason::ListensElsewhere { address }, out);
                }
            }
            Readiness::Running { .. } | Readiness::Check(_) => {}
        }
    }

    pub(super) fn on_quiet(&mut self, out: &mut Outbox) {
        match self.terms.readiness {
            Readiness::Listening { .. } => {
                if let Phase::Running { .. } = self.phase {
                    self.stop_waiting();
                    self.become_healthy(out);
                }
            }
            Readiness::Running { .. } | Readiness::Check(_) => {}
        }
    }

    pub(super) fn on_listen_limit(&mut self, out: &mut Outbox) {
        if let Readiness::Listening { limit } = self.terms.readiness {
            self.become_unhealthy(Reason::NotListening { waited: limit }, out);
        }
    }

    pub(super) fn become_healthy(&mut self, out: &mut Outbox) {
        // One that is to go is not given new requests.
        if self.is_leaving() {
            return;
        }
        let Phase::Running { health, .. } = &mut self.phase else { return };
        if *health == Health::Healthy {
            return;
        }
        *health = Health::Healthy;
        self.proven = true;
        if self.terms.gateway {
            self.present.served = true;
            out.push(Action::AddToGateway(self.id));
        }
        out.report(Report::Healthy(self.id));
    }

    fn become_unhealthy(&mut self, reason: Reason, out: &mut Outbox) {
        self.present.on_trial = false;
        let known = matches!(self.phase, Phase::Running { health: Health::Unhealthy(_), .. });
        self.leave_gateway(out);
        let Phase::Running { health, .. } = &mut self.phase else { return };
        *health = Health::Unhealthy(reason.clone());
        if !known {
            out.report(Report::Unhealthy { replica: self.id, reason });
        }
    }

    /// Before it is no longer healthy.
    pub(super) fn leave_gateway(&self, out: &mut Outbox) {
        let healthy = matches!(self.phase, Phase::Running { health: Health::Healthy, .. });
        if self.terms.gateway && healthy {
            out.push(Action::RemoveFromGateway(self.id));
        }
    }
}
