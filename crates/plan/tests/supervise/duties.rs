//! What each action owes.

use std::time::Duration;

use backlot_plan::supervise::{
    Action, Event, Readiness, Release, ReplicaId, Report, Standing, Timer, TimerKind,
};

use crate::facts::{Kind, Life, Process, Seen};
use crate::model::{back_off, gate, health, in_a_row};
use crate::must;
use crate::world::World;

impl World {
    pub(crate) fn duty(&mut self, action: &Action, event: &Event) -> Result<(), String> {
        match action {
            Action::Spawn { replica, release } => {
                self.may_spawn(*replica, event)?;
                self.may_be_made_of(*replica, *release)?;
                let service = self.index(replica.service);
                let place = (service, replica.number);
                let tenant = self.tenants.iter().find(|(taken, _)| *taken == place).map(|(_, first)| *first);
                if tenant.is_none() {
                    self.tenants.push((place, replica.run));
                }
                let readiness = self.known[service].asks[release].readiness;
                let first_run = tenant.unwrap_or(replica.run);
                self.processes.push(Process::new(*replica, service, first_run, (*release, readiness)));
            }
            Action::CheckHealth { replica, epoch, .. } => {
                self.is_alive(*replica)?;
                let process = self.process_mut(*replica);
                must!(process.open_check.is_none(), "two checks at once");
                must!(process.timer.is_some_and(|timer| timer.epoch == *epoch), "a check without a limit");
                process.open_check = Some(*epoch);
                self.old_checks.push((*replica, *epoch));
            }
            Action::AddToGateway(replica) => {
                self.is_alive(*replica)?;
                let process = self.process(*replica).unwrap();
                let is_healthy = health(process) == Kind::Healthy;
                must!(self.asks(process).gateway && is_healthy && !process.in_gateway, "not to be added");
                let left = self.before.iter().any(|seen| seen.id == *replica && seen.leaves());
                must!(!left, "it was to go");
                self.process_mut(*replica).in_gateway = true;
            }
            Action::RemoveFromGateway(replica) => {
                let process = self.process_mut(*replica);
                must!(process.in_gateway, "not in the gateway");
                process.in_gateway = false;
            }
            Action::Drain { replica, limit } => {
                self.may_leave(*replica)?;
                let asks = self.asks(self.process(*replica).unwrap());
                must!(asks.gateway && *limit == asks.stop_grace, "not to be drained");
                let process = self.process_mut(*replica);
                must!(!process.drained && !process.signalled, "drained twice or too late");
                process.drained = true;
                process.in_gateway = false;
            }
            Action::Signal { replica, signal } => {
                self.may_leave(*replica)?;
                let wanted = self.asks(self.process(*replica).unwrap()).stop_signal;
                let process = self.process_mut(*replica);
                must!(*signal == wanted && !process.signalled && !process.killed, "signalled wrongly");
                must!(!process.in_gateway, "it still gets requests");
                must!(!process.drained || process.drain_over, "its requests are not finished");
                process.signalled = true;
            }
            Action::Kill(replica) => self.kill(*replica)?,
            Action::SetTimer { timer, after } => self.may_wait(*timer, *after)?,
            Action::Report(report) => self.report(report)?,
        }
        Ok(())
    }

    fn kill(&mut self, id: ReplicaId) -> Result<(), String> {
        self.is_alive(id)?;
        let process = self.process_mut(id);
        let again = process.killed && process.kill_over;
        if again {
            self.reached.kill_again();
        }
        let process = self.process_mut(id);
        let first = !process.killed && (process.doomed || process.grace_over);
        must!(first || again, "killed without need");
        must!(!process.in_gateway, "it still gets requests");
        process.killed = true;
        process.kill_over = false;
        Ok(())
    }

    fn is_alive(&self, id: ReplicaId) -> Result<(), String> {
        let alive = self.process(id).is_some_and(|process| process.life == Life::Alive);
        must!(alive, "it does not run");
        Ok(())
    }

    fn may_spawn(&self, id: ReplicaId, event: &Event) -> Result<(), String> {
        let service = self.index(id.service);
        let known = &self.known[service];
        must!(known.up, "nobody wants it");
        must!(id.run == self.processes.len() as u64 + 1, "a run that is not new");
        let living = |process: &&Process| process.service == service && process.life != Life::Dead;
        let twin = self.processes.iter().filter(living).find(|process| process.id.number == id.number);
        must!(twin.is_none(), "two in one place");
        let restarted = match event {
            Event::Timer(timer) if timer.kind == TimerKind::BackOff => {
                timer.replica.service == id.service && timer.replica.number == id.number
            }
            _ => false,
        };
        if !restarted {
            must!(gate(self, service) == Some(true), "what it depends on is not there");
        }
        Ok(())
    }

    fn may_be_made_of(&self, id: ReplicaId, release: Release) -> Result<(), String> {
        let service = self.index(id.service);
        let known = &self.known[service];
        let tenant = self.tenants.iter().find(|(place, _)| *place == (service, id.number));
        let first =
            tenant.and_then(|(_, first)| self.processes.iter().find(|process| process.id.run == *first));
        let is_new = self.seen.iter().any(|seen| seen.id == id && seen.standing == Standing::Candidate);
        let expected = match first {
            Some(process) => process.release,
            None if is_new || !self.rolling[service] => known.newest,
            None => known.proven,
        };
        must!(release == expected, "made of the wrong release");
        Ok(())
    }

    /// Whether it may be drained or asked to end: it runs, is to go, and none above it is on its way out.
    fn may_leave(&self, id: ReplicaId) -> Result<(), String> {
        self.is_alive(id)?;
        let service = self.index(id.service);
        let leaves = self.seen.iter().any(|seen| seen.id == id && seen.leaves());
        must!(leaves, "it is not to go");
        let process = self.process(id).unwrap();
        if process.drained {
            return Ok(());
        }
        let needed = self.processes.iter().any(|other| {
            let is_above = self.known[service].above.contains(&other.service);
            is_above && !self.known[other.service].up && other.life != Life::Dead && !other.doomed
        });
        must!(!needed, "one that depends on it still runs");
        Ok(())
    }

    fn may_wait(&mut self, timer: Timer, length: Duration) -> Result<(), String> {
        must!(self.last_epoch.is_none_or(|last| last < timer.epoch), "an epoch comes again");
        self.last_epoch = Some(timer.epoch);
        let process = self.process(timer.replica).unwrap();
        let right = match (timer.kind, &process.readiness) {
            (TimerKind::Settled, Readiness::Running { for_at_least }) => length == *for_at_least,
            (TimerKind::ListenLimit, Readiness::Listening { limit }) => length == *limit,
            (TimerKind::CheckLimit, Readiness::Check(check)) => length == check.timeout,
            (TimerKind::NextCheck, Readiness::Check(check)) => {
                let starting = health(process) == Kind::Starting;
                // One that is to go is not taken for healthy any more.
                let leaves = self.seen.iter().any(|seen| seen.id == timer.replica && seen.leaves());
                let quick = length <= Duration::from_millis(400)
                    && length <= check.interval.max(check.start_interval);
                length == check.interval || ((starting || leaves) && quick)
            }
            (TimerKind::BackOff, _) => {
                let ends = self.ends(timer.replica);
                if in_a_row(&ends) >= 4 {
                    self.reached.crash_loop();
                }
                length == back_off(&ends)
            }
            (TimerKind::DrainLimit | TimerKind::Grace, _) => length == self.asks(process).stop_grace,
            (TimerKind::KillLimit, _) => length == Duration::from_secs(5),
            _ => false,
        };
        must!(right, "a wait of the wrong length");
        self.process_mut(timer.replica).timer = Some(timer);
        self.due.push((self.now + length, timer));
        Ok(())
    }

    fn report(&mut self, report: &Report) -> Result<(), String> {
        match report {
            Report::Gone(id) => {
                let service = self.index(id.service);
                let living = self.process(*id).is_some_and(|process| process.life != Life::Dead);
                must!(!living, "it still runs");
                self.tenants.retain(|(place, _)| *place != (service, id.number));
            }
            Report::RolloutDone(id) => {
                let service = self.index(*id);
                let until = self.known[service].old_until.unwrap();
                let old = |seen: &Seen| {
                    seen.service == service && seen.is_member() && self.first_run(seen) <= until
                };
                must!(!self.seen.iter().any(|seen| seen.id.run > 0 && old(seen)), "an old one is left");
            }
            Report::RolloutAborted { service, .. } => {
                let service = self.index(*service);
                self.known[service].aborted = true;
                self.known[service].newest = self.known[service].proven;
            }
            Report::Healthy(_)
            | Report::Unhealthy { .. }
            | Report::Restarting { .. }
            | Report::Completed(_)
            | Report::Failed { .. }
            | Report::Blocked { .. }
            | Report::Unkillable(_) => {}
        }
        Ok(())
    }

    fn first_run(&self, seen: &Seen) -> u64 {
        self.process(seen.id).map_or(u64::MAX, |process| process.first_run)
    }
}
