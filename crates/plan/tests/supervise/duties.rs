//! What each action owes, and what has to be so after each event.

use std::time::Duration;

use backlot_plan::supervise::{
    Action, Command, Event, Readiness, Replacement, ReplicaId, Report, Standing, Timer, TimerKind,
};

use crate::facts::{Kind, Life, Process, Seen};
use crate::model::{after, back_off, gate, health, in_a_row, outcome, word};
use crate::world::World;

macro_rules! must {
    ($holds:expr, $($wrong:tt)*) => {
        if !$holds {
            return Err(format!($($wrong)*));
        }
    };
}

impl World {
    pub(crate) fn duty(&mut self, action: &Action, event: &Event) -> Result<(), String> {
        match action {
            Action::Spawn { replica, release } => {
                self.may_spawn(*replica, event)?;
                let service = self.index(replica.service);
                let place = (service, replica.number);
                let tenant = self.tenants.iter().find(|(taken, _)| *taken == place).map(|(_, first)| *first);
                if tenant.is_none() {
                    self.tenants.push((place, replica.run));
                }
                self.processes.push(Process::new(*replica, service, tenant.unwrap_or(replica.run), *release));
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
                let known = &self.known[self.index(replica.service)];
                let process = self.process(*replica).unwrap();
                let is_healthy = health(&known.spec.readiness, process) == Kind::Healthy;
                must!(known.spec.gateway && is_healthy && !process.in_gateway, "not to be added");
                self.process_mut(*replica).in_gateway = true;
            }
            Action::RemoveFromGateway(replica) => {
                let process = self.process_mut(*replica);
                must!(process.in_gateway, "not in the gateway");
                process.in_gateway = false;
            }
            Action::Drain { replica, limit } => {
                self.may_leave(*replica)?;
                let known = &self.known[self.index(replica.service)];
                must!(known.spec.gateway && *limit == known.spec.stop_grace, "not to be drained");
                let process = self.process_mut(*replica);
                must!(!process.drained && !process.signalled, "drained twice or too late");
                process.drained = true;
                process.in_gateway = false;
            }
            Action::Signal { replica, signal } => {
                self.may_leave(*replica)?;
                let wanted = self.known[self.index(replica.service)].spec.stop_signal;
                let process = self.process_mut(*replica);
                must!(*signal == wanted && !process.signalled && !process.killed, "signalled wrongly");
                must!(!process.in_gateway, "it still gets requests");
                must!(!process.drained || process.drain_over, "its requests are not finished");
                process.signalled = true;
            }
            Action::Kill(replica) => {
                self.is_alive(*replica)?;
                let process = self.process_mut(*replica);
                let again = process.killed && process.kill_over;
                if again {
                    self.reached.kill_again();
                }
                let process = self.process_mut(*replica);
                let first = !process.killed && (process.doomed || process.grace_over);
                must!(first || again, "killed without need");
                must!(!process.in_gateway, "it still gets requests");
                process.killed = true;
                process.kill_over = false;
            }
            Action::SetTimer { timer, after } => self.may_wait(*timer, *after)?,
            Action::Report(report) => self.report(report)?,
        }
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
        let known = &self.known[self.index(timer.replica.service)];
        let process = self.process(timer.replica).unwrap();
        let right = match (timer.kind, &known.spec.readiness) {
            (TimerKind::Settled, Readiness::Running { for_at_least }) => length == *for_at_least,
            (TimerKind::ListenLimit, Readiness::Listening { limit }) => length == *limit,
            (TimerKind::CheckLimit, Readiness::Check(check)) => length == check.timeout,
            (TimerKind::NextCheck, Readiness::Check(check)) => {
                let starting = health(&known.spec.readiness, process) == Kind::Starting;
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
            (TimerKind::DrainLimit | TimerKind::Grace, _) => length == known.spec.stop_grace,
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

    pub(crate) fn compare(&mut self, event: &Event) -> Result<(), String> {
        for seen in &self.seen {
            self.compare_one(seen).map_err(|wrong| format!("{wrong}: {seen:?}"))?;
        }
        for process in self.processes.iter().filter(|process| process.life != Life::Dead) {
            must!(self.seen.iter().any(|seen| seen.id == process.id), "{:?} was forgotten", process.id);
        }
        for service in 0..self.known.len() {
            self.compare_service(service, event).map_err(|wrong| format!("service {service} {wrong}"))?;
        }
        let (expected, said) = (outcome(self), word(self, &self.machine.outcome()));
        must!(expected == said, "the outcome is {said:?} and should be {expected:?}");
        Ok(())
    }

    fn compare_one(&self, seen: &Seen) -> Result<(), String> {
        let known = &self.known[seen.service];
        must!(known.up || seen.leaves(), "it is to go");
        if let Some(earlier) = self.before.iter().find(|earlier| earlier.id == seen.id) {
            must!(!earlier.leaves() || seen.leaves(), "it was to go");
        }
        let process = self.process(seen.id);
        let live = process.filter(|process| process.life != Life::Dead);
        let expected = match live {
            Some(process) => self.expected_of_living(seen, process),
            None => self.expected_of_idle(seen),
        };
        must!(seen.kind == expected, "it should be {expected:?}");
        let Some(process) = live else { return Ok(()) };
        must!(
            process.in_gateway == (known.spec.gateway && seen.kind == Kind::Healthy),
            "the gateway is wrong"
        );
        must!(process.release == seen.release, "the release is wrong");
        let earlier = self.processes.iter().filter(|other| {
            other.service == process.service
                && other.id.number == process.id.number
                && other.first_run == process.first_run
        });
        must!(earlier.count() as u32 == seen.restarts + 1, "the restarts are miscounted");
        let needs_limit = match seen.kind {
            Kind::Draining | Kind::Stopping | Kind::Killing => true,
            Kind::Starting => !seen.leaves(),
            Kind::Healthy | Kind::Unhealthy => matches!(known.spec.readiness, Readiness::Check(_)),
            _ => false,
        };
        must!(!needs_limit || process.timer.is_some(), "it is waited for without a limit");
        Ok(())
    }

    fn expected_of_living(&self, seen: &Seen, process: &Process) -> Kind {
        let verdict = health(&self.known[seen.service].spec.readiness, process);
        match process {
            Process { life: Life::Asked, .. } => Kind::Spawning,
            Process { killed: true, .. } => Kind::Killing,
            Process { signalled: true, .. } => Kind::Stopping,
            Process { drained: true, .. } => Kind::Draining,
            // One that is to go does not become healthy; it may stay so.
            _ if seen.leaves() && verdict == Kind::Healthy && seen.kind != Kind::Healthy => seen.kind,
            _ if seen.leaves() && seen.kind == Kind::Starting => seen.kind,
            _ => verdict,
        }
    }

    fn expected_of_idle(&self, seen: &Seen) -> Kind {
        let place = (seen.service, seen.id.number);
        if seen.leaves() {
            return Kind::Spawning; // One without a process has gone by now; no kind is right.
        }
        if self.tenants.iter().any(|(taken, _)| *taken == place) {
            let earlier = self.before.iter().find(|earlier| earlier.id == seen.id);
            return after(
                &self.known[seen.service],
                &self.ends(seen.id),
                earlier.map_or(seen.standing, |it| it.standing),
            );
        }
        match gate(self, seen.service) {
            Some(true) if seen.standing == Standing::Outdated => Kind::Waiting,
            Some(true) => Kind::Spawning, // It waits for nothing.
            Some(false) => Kind::Blocked,
            None => Kind::Waiting,
        }
    }

    fn compare_service(&mut self, service: usize, event: &Event) -> Result<(), String> {
        let rolling = self.rolling[service];
        let known = &self.known[service];
        must!(known.up || !rolling, "rolls without being wanted");
        let count = |all: &[Seen], which: fn(&Seen) -> bool| {
            all.iter().filter(|seen| seen.service == service && which(seen)).count()
        };
        let candidates = count(&self.seen, |seen| seen.standing == Standing::Candidate);
        let members = count(&self.seen, Seen::is_member);
        let all = count(&self.seen, |_| true);
        let wanted = known.wanted as usize;
        must!(candidates <= usize::from(rolling), "{candidates} candidates");
        must!(
            rolling || count(&self.seen, |seen| seen.standing == Standing::Outdated) == 0,
            "outdated ones are left"
        );
        must!(members <= wanted, "has {members} of {wanted}");
        must!(!known.up || rolling || all >= wanted, "has {all} of {wanted}");
        must!(all <= known.peak as usize + 1, "has {all}, of at most {}", known.peak);
        let rolls = rolling || known.old_until.is_some();
        must!(rolls || all <= known.peak as usize, "has {all}, of at most {} and no rollout", known.peak);
        self.compare_capacity(service, event)?;
        if all <= wanted {
            self.known[service].peak = self.known[service].wanted;
        }
        Ok(())
    }

    /// A rollout never takes one away that works, unless another one works in its place.
    fn compare_capacity(&self, service: usize, event: &Event) -> Result<(), String> {
        let ready = |all: &[Seen]| {
            all.iter().filter(|seen| seen.service == service && seen.is_member() && seen.is_ready()).count()
        };
        let (was, is) = (ready(&self.before), ready(&self.seen));
        let own = match event {
            Event::Command(Command::Restart { rolling: true, .. }) => {
                let stops =
                    self.known[service].job || self.known[service].spec.replacement == Replacement::StopFirst;
                if stops { was } else { 0 }
            }
            Event::Command(_) => was,
            Event::Exited { .. } | Event::Health { .. } | Event::Timer(_) => 1,
            Event::Spawned(_)
            | Event::SpawnFailed { .. }
            | Event::Listening(_)
            | Event::ListensElsewhere { .. }
            | Event::Drained(_) => 0,
        };
        // What stops first does so when those that it depends on have rolled: at any event.
        let stops = self.known[service].job || self.known[service].spec.replacement == Replacement::StopFirst;
        must!(stops || is + own >= was, "works with {is} instead of {was}");
        Ok(())
    }
}
