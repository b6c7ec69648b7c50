//! The world that the machine acts on: what was asked of it, its processes, its clock.

use std::time::Duration;

use backlot_plan::supervise::{
    Command, Epoch, Event, Moment, Release, ReplicaId, ServiceId, ServiceSpec, StackSpec, Supervision, Timer,
    TimerKind,
};

use crate::facts::{End, Evidence, Kind, Known, Life, Process, Seen, index, look};
use crate::knowledge::know;
use crate::tally::Reached;

pub(crate) struct World {
    pub(crate) machine: Supervision,
    pub(crate) known: Vec<Known>,
    /// The services in the order of their starts.
    pub(crate) order: Vec<usize>,
    pub(crate) now: Duration,
    /// By run, from 1.
    pub(crate) processes: Vec<Process>,
    /// Who is in a place: the run of its first process.
    pub(crate) tenants: Vec<((usize, u32), u64)>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) before: Vec<Seen>,
    pub(crate) rolling: Vec<bool>,
    pub(crate) due: Vec<(Duration, Timer)>,
    pub(crate) fired: Vec<Timer>,
    pub(crate) old_checks: Vec<(ReplicaId, Epoch)>,
    pub(crate) last_epoch: Option<Epoch>,
    pub(crate) reached: Reached,
    releases: u32,
    /// What happened, if anybody wants to read it.
    pub(crate) log: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(specs: &[ServiceSpec], log: bool) -> Self {
        let stack = StackSpec::new(specs.to_vec()).unwrap();
        let known = know(&stack, specs, &[]);
        let order = stack.services().map(|id| index(&known, id)).collect();
        let rolling = vec![false; known.len()];
        Self {
            machine: Supervision::new(stack),
            known,
            order,
            now: Duration::ZERO,
            processes: Vec::new(),
            tenants: Vec::new(),
            seen: Vec::new(),
            before: Vec::new(),
            rolling,
            due: Vec::new(),
            fired: Vec::new(),
            old_checks: Vec::new(),
            last_epoch: None,
            reached: Reached::default(),
            releases: 1,
            log: log.then(Vec::new),
        }
    }

    /// A release that there has not been.
    pub(crate) fn next_release(&mut self) -> Release {
        self.releases += 1;
        Release(self.releases)
    }

    /// What is asked of a process.
    pub(crate) fn asks(&self, process: &Process) -> &ServiceSpec {
        &self.known[process.service].asks[&process.release]
    }

    pub(crate) fn index(&self, id: ServiceId) -> usize {
        index(&self.known, id)
    }

    pub(crate) fn process(&self, id: ReplicaId) -> Option<&Process> {
        self.processes.get(usize::try_from(id.run).unwrap().checked_sub(1)?)
    }

    pub(crate) fn process_mut(&mut self, id: ReplicaId) -> &mut Process {
        &mut self.processes[usize::try_from(id.run).unwrap() - 1]
    }

    /// How the processes of this replica ended, and how long each had run.
    pub(crate) fn ends(&self, id: ReplicaId) -> Vec<(Duration, End)> {
        let Some(last) = self.process(id) else { return Vec::new() };
        let same = self.processes.iter().filter(|process| {
            process.id.service == id.service
                && process.id.number == id.number
                && process.first_run == last.first_run
        });
        same.filter_map(|process| Some((process.ran, process.end?))).collect()
    }

    /// Whether a process of this replica was ever ready.
    pub(crate) fn was_ready(&self, id: ReplicaId) -> bool {
        let Some(last) = self.process(id) else { return false };
        let same = |process: &&Process| process.first_run == last.first_run;
        self.processes.iter().filter(same).any(|process| process.was_ready)
    }

    /// Tells the machine, and holds what it does and says against the model.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), String> {
        self.write(|| format!("{event:?}"));
        self.note(event);
        let actions = self.machine.on_event(event.clone(), Moment::after_start(self.now));
        std::mem::swap(&mut self.before, &mut self.seen);
        look(&self.machine, &self.known, &mut self.seen, &mut self.rolling);
        for action in &actions {
            self.write(|| format!("    {action:?}"));
            self.reached.action(action);
            self.duty(action, event).map_err(|wrong| format!("{wrong}: {action:?} after {event:?}"))?;
        }
        for seen in &self.seen {
            self.reached.kind(seen.kind);
            if seen.kind == Kind::Healthy {
                self.processes[usize::try_from(seen.id.run).unwrap() - 1].was_ready = true;
            }
        }
        self.compare(event).map_err(|wrong| format!("{wrong} after {event:?}"))
    }

    /// Tells the machine something that came too late: nothing may follow.
    pub(crate) fn apply_stale(&mut self, event: &Event) -> Result<(), String> {
        self.write(|| format!("too late: {event:?}"));
        let outcome = self.machine.outcome();
        let actions = self.machine.on_event(event.clone(), Moment::after_start(self.now));
        let (mut seen, mut rolling) = (Vec::new(), Vec::new());
        look(&self.machine, &self.known, &mut seen, &mut rolling);
        let same = seen == self.seen && rolling == self.rolling && outcome == self.machine.outcome();
        if same && actions.is_empty() { Ok(()) } else { Err(format!("stale {event:?} led to {actions:?}")) }
    }

    fn write(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(log) = &mut self.log {
            log.push(format!("{now:?} {}", line()));
        }
    }

    /// Writes down what an event says.
    fn note(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Command(command) => self.note_command(command),
            Event::Spawned(id) => {
                let process = self.process_mut(*id);
                process.life = Life::Alive;
                process.since = now;
            }
            Event::SpawnFailed { replica, .. } => self.note_end(*replica, End::NotSpawned),
            Event::Exited { replica, exit } => self.note_end(*replica, End::Exit(*exit)),
            Event::Listening(id) => self.process_mut(*id).evidence.push((now, Evidence::Listening)),
            Event::Quiet(id) => self.process_mut(*id).evidence.push((now, Evidence::Quiet)),
            Event::ListensElsewhere { replica, .. } => {
                self.process_mut(*replica).evidence.push((now, Evidence::Elsewhere));
            }
            Event::Health { replica, epoch, answer } => {
                let process = self.process_mut(*replica);
                if process.open_check == Some(*epoch) {
                    process.open_check = None;
                    let what = if answer.is_ok() { Evidence::CheckOk } else { Evidence::CheckFailed };
                    process.evidence.push((now, what));
                }
            }
            Event::Drained(id) => self.process_mut(*id).drain_over = true,
            Event::Timer(timer) => self.note_timer(*timer),
        }
    }

    fn note_timer(&mut self, timer: Timer) {
        let now = self.now;
        let process = self.process_mut(timer.replica);
        if process.timer != Some(timer) || (process.life == Life::Dead && timer.kind != TimerKind::BackOff) {
            return;
        }
        process.timer = None;
        match timer.kind {
            TimerKind::Settled => process.evidence.push((now, Evidence::Settled)),
            TimerKind::ListenLimit => process.evidence.push((now, Evidence::ListenLimit)),
            TimerKind::CheckLimit if process.open_check == Some(timer.epoch) => {
                process.open_check = None;
                process.evidence.push((now, Evidence::CheckFailed));
            }
            TimerKind::CheckLimit | TimerKind::NextCheck | TimerKind::BackOff => {}
            TimerKind::DrainLimit => process.drain_over = true,
            TimerKind::Grace => process.grace_over = true,
            TimerKind::KillLimit => process.kill_over = true,
        }
    }

    fn note_end(&mut self, id: ReplicaId, end: End) {
        let now = self.now;
        let process = self.process(id).unwrap();
        let under = (self.asks(process).restart, self.known[process.service].job);
        let process = self.process_mut(id);
        process.ended_under = Some(under);
        process.ran = if process.life == Life::Alive {
            now.checked_sub(process.since).unwrap()
        } else {
            Duration::ZERO
        };
        process.life = Life::Dead;
        process.end = Some(end);
        process.in_gateway &= !process.drained;
        process.open_check = None;
        process.timer = None;
    }

    fn note_command(&mut self, command: &Command) {
        match command {
            Command::Up { services } => {
                let mut up: Vec<usize> = services.iter().map(|id| self.index(*id)).collect();
                if up.is_empty() {
                    up = (0..self.known.len()).filter(|service| !self.known[*service].retired).collect();
                }
                while let Some(service) = up.pop() {
                    self.known[service].up = true;
                    self.known[service].aborted = false;
                    up.extend(self.known[service].needs.iter().map(|need| need.on));
                    let failed = self.seen.iter().filter(|seen| {
                        let ended = matches!(seen.kind, Kind::Failed | Kind::BackingOff);
                        seen.service == service && seen.is_member() && ended
                    });
                    let failed: Vec<_> = failed.map(|seen| seen.id).collect();
                    for id in failed {
                        self.tenants.retain(|(place, _)| *place != (service, id.number));
                        if id.run > 0 {
                            self.process_mut(id).timer = None;
                        }
                    }
                }
            }
            Command::Down => self.known.iter_mut().for_each(|known| known.up = false),
            Command::Kill => {
                self.known.iter_mut().for_each(|known| known.up = false);
                self.processes.iter_mut().for_each(|process| process.doomed = true);
            }
            Command::Stop { service } => {
                let service = self.index(*service);
                self.known[service].up = false;
            }
            Command::Scale { service, replicas } => {
                let service = self.index(*service);
                self.known[service].wanted = *replicas;
                self.known[service].peak = self.known[service].peak.max(*replicas);
                self.known[service].aborted = false;
            }
            // How long an end takes is looked at nowhere here; another stack is noted before it is told.
            Command::Hasten { .. } | Command::Adopt { .. } => {}
            Command::Restart { service, release, .. } => {
                let service = self.index(*service);
                let asks = self.known[service].asks[&self.known[service].newest].clone();
                self.known[service].asks.insert(*release, asks);
                self.known[service].newest = *release;
                self.known[service].up = true;
                let followers = self.known[service].restarts.clone();
                let followers = followers.into_iter().filter(|follower| self.known[*follower].up);
                let runs = self.processes.len() as u64;
                for service in followers.chain([service]).collect::<Vec<_>>() {
                    self.known[service].aborted = false;
                    self.known[service].old_until = Some(runs);
                }
            }
        }
    }
}
