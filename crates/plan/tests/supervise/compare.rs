//! What has to be so after each event.

use backlot_plan::supervise::{Command, Event, Readiness, Replacement, Standing};

use crate::facts::{Kind, Life, Process, Seen};
use crate::model::{after, gate, health, outcome, word};
use crate::must;
use crate::world::World;

impl World {
    pub(crate) fn compare(&mut self, event: &Event) -> Result<(), String> {
        for seen in &self.seen {
            self.compare_one(seen).map_err(|wrong| format!("{wrong}: {seen:?}"))?;
        }
        let dead_gets_requests =
            self.processes.iter().any(|process| process.life == Life::Dead && process.in_gateway);
        must!(!dead_gets_requests, "a dead one still gets requests");
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
            let spared = earlier.standing == Standing::Doomed && seen.standing != Standing::Doomed;
            must!(!spared, "it was to be killed");
        }
        let process = self.process(seen.id);
        let live = process.filter(|process| process.life != Life::Dead);
        let expected = match live {
            Some(process) => expected_of_living(seen, process),
            None => self.expected_of_idle(seen),
        };
        must!(seen.kind == expected, "it should be {expected:?}");
        let Some(process) = live else { return Ok(()) };
        must!(
            process.in_gateway == (self.asks(process).gateway && seen.kind == Kind::Healthy),
            "the gateway is wrong"
        );
        must!(process.release == seen.release, "the release is wrong");
        let earlier = self.processes.iter().filter(|other| {
            other.service == process.service
                && other.id.number == process.id.number
                && other.first_run == process.first_run
        });
        must!(earlier.count() == seen.restarts as usize + 1, "the restarts are miscounted");
        let needs_limit = match seen.kind {
            Kind::Draining | Kind::Stopping | Kind::Killing => true,
            Kind::Starting => !seen.leaves(),
            Kind::Healthy | Kind::Unhealthy => matches!(process.readiness, Readiness::Check(_)),
            _ => false,
        };
        must!(!needs_limit || process.timer.is_some(), "it is waited for without a limit");
        Ok(())
    }

    fn expected_of_idle(&self, seen: &Seen) -> Kind {
        let place = (seen.service, seen.id.number);
        if seen.leaves() {
            return Kind::Spawning; // One without a process has gone by now; no kind is right.
        }
        if self.tenants.iter().any(|(taken, _)| *taken == place) {
            let earlier = self.before.iter().find(|earlier| earlier.id == seen.id);
            return after(
                self.process(seen.id).unwrap(),
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
        let peak = known.peak as usize;
        let ending = count(&self.seen, Seen::is_ending);
        must!(all - ending <= peak + 1, "has {} in service, of at most {peak}", all - ending);
        must!(all <= 2 * peak + 1, "has {all}, {ending} of which end, of at most {peak}");
        let rolls = rolling || known.old_until.is_some();
        must!(rolls || all <= known.peak as usize, "has {all}, of at most {} and no rollout", known.peak);
        self.compare_capacity(service, event)?;
        let is_new = |seen: &&Seen| {
            seen.service == service
                && seen.standing == Standing::Candidate
                && !self.before.iter().any(|it| {
                    it.service == service
                        && it.id.number == seen.id.number
                        && it.standing == Standing::Candidate
                })
        };
        if self.seen.iter().any(|seen| is_new(&seen)) {
            let early = self.known[service].needs.iter().any(|need| self.rolling[need.on]);
            must!(!early, "rolls before one that it depends on is done");
        }
        if !rolling {
            self.known[service].proven = self.known[service].newest;
        }
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
        // Where all have ended, the new ones take nobody's place.
        let is_at_work =
            |seen: &Seen| seen.service == service && seen.is_ready() && seen.kind != Kind::Completed;
        if !self.before.iter().any(is_at_work) {
            return Ok(());
        }
        let own = match event {
            Event::Command(Command::Restart { rolling: true, .. }) => {
                let stops =
                    self.known[service].job || self.known[service].spec.replacement == Replacement::StopFirst;
                if stops { was } else { 0 }
            }
            Event::Command(Command::Adopt { .. }) => {
                let known = &self.known[service];
                if known.retired { was } else { was.saturating_sub(known.wanted as usize) }
            }
            Event::Command(_) => was,
            Event::Exited { .. } | Event::Health { .. } | Event::Timer(_) => 1,
            Event::Spawned(_)
            | Event::SpawnFailed { .. }
            | Event::Listening(_)
            | Event::Quiet(_)
            | Event::ListensElsewhere { .. }
            | Event::Drained(_) => 0,
        };
        // What stops first does so when those that it depends on have rolled: at any event.
        let stops = self.known[service].job || self.known[service].spec.replacement == Replacement::StopFirst;
        must!(stops || is + own >= was, "works with {is} instead of {was}");
        Ok(())
    }
}

fn expected_of_living(seen: &Seen, process: &Process) -> Kind {
    let verdict = health(process);
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
