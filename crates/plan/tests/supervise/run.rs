//! A schedule: what happens to a stack, and in what order.

use std::fmt::Write;
use std::time::Duration;

use backlot_plan::supervise::{Command, Event, Exit, Outcome, Readiness, ServiceSpec, Timer, TimerKind};

use crate::choices::{Choice, Random};
use crate::facts::{Kind, Life, Process, Seen};
use crate::model::on_trial;
use crate::stacks;
use crate::tally::Reached;
use crate::world::World;

#[derive(Clone)]
pub(crate) struct Schedule {
    specs: Vec<ServiceSpec>,
    pub(crate) choices: Vec<u64>,
}

pub(crate) struct Failure {
    pub(crate) step: usize,
    pub(crate) what: String,
    pub(crate) log: Vec<String>,
}

impl Schedule {
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = Random(seed);
        let specs = stacks::random(&mut random);
        let steps = 1 + random.below(50);
        let choices = (0..steps).map(|_| random.next()).collect();
        Self { specs, choices }
    }

    pub(crate) fn describe(&self) -> String {
        self.specs.iter().fold(String::new(), |mut text, spec| {
            let _ = writeln!(text, "{spec:?}");
            text
        })
    }
}

/// Lets a schedule happen, and then peace return: all that is wanted must come up, and all must go when it is to go.
pub(crate) fn run(schedule: &Schedule, log: bool) -> Result<Reached, Failure> {
    let mut world = World::new(&schedule.specs, log);
    let mut step = 0;
    let mut go = || -> Result<(), String> {
        up(&mut world)?;
        for choice in &schedule.choices {
            happen(&mut world, Choice(*choice))?;
            step += 1;
        }
        // What crashed before still ends the rollout that it was part of; what is told to come up after that does.
        settle(&mut world, |_| false)?;
        up(&mut world)?;
        settle(&mut world, |world| world.machine.outcome() == Outcome::Ready)?;
        let outcome = world.machine.outcome();
        let empty = world.known.iter().all(|known| known.retired || known.wanted == 0);
        if outcome != Outcome::Ready && !empty {
            return Err(format!("peace does not make it ready: {outcome:?}"));
        }
        world.apply(&Event::Command(Command::Down))?;
        settle(&mut world, |world| world.machine.outcome() == Outcome::Stopped)?;
        if world.machine.outcome() != Outcome::Stopped
            || world.processes.iter().any(|it| it.life != Life::Dead)
        {
            return Err(format!("it does not end: {:?}", world.machine.outcome()));
        }
        Ok(())
    };
    match go() {
        Ok(()) => Ok(world.reached),
        Err(what) => Err(Failure { step, what, log: world.log.take().unwrap_or_default() }),
    }
}

fn up(world: &mut World) -> Result<(), String> {
    world.apply(&Event::Command(Command::Up { services: Vec::new() }))
}

/// One thing happens.
fn happen(world: &mut World, mut choice: Choice) -> Result<(), String> {
    match choice.below(100) {
        0..55 => {
            if let Some(event) = natural(world, &mut choice, true) {
                return world.apply(&event);
            }
            next_timer(world, &mut choice)
        }
        55..70 => next_timer(world, &mut choice),
        70..80 => crash(world, &mut choice),
        80..87 => stale(world, &mut choice),
        _ => command(world, &mut choice),
    }
}

/// Lets time pass without faults until it is enough, or nothing but health checks happens any more.
fn settle(world: &mut World, enough: impl Fn(&World) -> bool) -> Result<(), String> {
    for round in 0..1000 {
        if enough(world) {
            return Ok(());
        }
        if let Some(event) = natural(world, &mut Choice(round), false) {
            world.apply(&event)?;
            continue;
        }
        let awaited = (0..world.due.len()).filter(|at| leads_on(world, world.due[*at].1));
        let Some(next) = awaited.min_by_key(|at| world.due[*at].0) else { return Ok(()) };
        let (when, timer) = world.due.swap_remove(next);
        world.now = world.now.max(when);
        deliver(world, timer)?;
    }
    Err("it never comes to rest".into())
}

/// Whether something may change by a timer: it is not past, and not the next check of one that is well.
fn leads_on(world: &World, timer: Timer) -> bool {
    let is_well =
        |seen: &Seen| seen.id == timer.replica && seen.kind == Kind::Healthy && !on_trial(world, seen);
    let idle = timer.kind == TimerKind::NextCheck && world.seen.iter().any(is_well);
    !idle && world.process(timer.replica).unwrap().timer == Some(timer)
}

/// What the processes, the gateway and the checks would say next.
fn natural(world: &World, choice: &mut Choice, faults: bool) -> Option<Event> {
    let mut events = Vec::new();
    for process in world.processes.iter().filter(|process| process.life != Life::Dead) {
        offer(world, process, &mut events);
    }
    if events.is_empty() {
        return None;
    }
    let at = choice.below(events.len());
    let event = events.swap_remove(at);
    if faults && choice.one_in(6) { Some(spoil(event, choice)) } else { Some(event) }
}

fn offer(world: &World, process: &Process, events: &mut Vec<Event>) {
    let known = &world.known[process.service];
    let id = process.id;
    match process {
        Process { life: Life::Asked, .. } => return events.push(Event::Spawned(id)),
        Process { killed: true, .. } => events.push(Event::Exited { replica: id, exit: Exit::Signal(9) }),
        Process { signalled: true, .. } => events.push(Event::Exited { replica: id, exit: Exit::Code(0) }),
        Process { drained: true, drain_over: false, .. } => events.push(Event::Drained(id)),
        _ if known.job => events.push(Event::Exited { replica: id, exit: Exit::Code(0) }),
        _ => {}
    }
    if let Some(epoch) = process.open_check {
        events.push(Event::Health { replica: id, epoch, answer: Ok(()) });
    }
    let listens = process.evidence.iter().any(|(_, what)| *what == crate::facts::Evidence::Listening);
    if !matches!(process.readiness, Readiness::Running { .. }) && !listens {
        events.push(Event::Listening(id));
    }
}

/// The same, gone wrong.
fn spoil(event: Event, choice: &mut Choice) -> Event {
    match event {
        Event::Spawned(replica) => Event::SpawnFailed { replica, detail: String::new() },
        Event::Health { replica, epoch, .. } => Event::Health { replica, epoch, answer: Err(String::new()) },
        Event::Listening(replica) if choice.one_in(2) => Event::Quiet(replica),
        Event::Listening(replica) => Event::ListensElsewhere { replica, address: String::new() },
        Event::Exited { replica, .. } => Event::Exited { replica, exit: Exit::Code(1) },
        Event::Command(_)
        | Event::SpawnFailed { .. }
        | Event::ListensElsewhere { .. }
        | Event::Quiet(_)
        | Event::Drained(_)
        | Event::Timer(_) => event,
    }
}

/// The clock goes on to the next timer, or some way beyond it, so that several are due and come in any order.
fn next_timer(world: &mut World, choice: &mut Choice) -> Result<(), String> {
    let Some(first) = world.due.iter().map(|(when, _)| *when).min() else { return Ok(()) };
    let late = Duration::from_millis([0, 0, 1, 700][choice.below(4)]);
    world.now = world.now.max(first + late);
    let due: Vec<usize> = (0..world.due.len()).filter(|at| world.due[*at].0 <= world.now).collect();
    let (_, timer) = world.due.swap_remove(due[choice.below(due.len())]);
    world.fired.push(timer);
    deliver(world, timer)
}

fn deliver(world: &mut World, timer: Timer) -> Result<(), String> {
    let process = world.process(timer.replica).unwrap();
    if process.timer == Some(timer) {
        world.apply(&Event::Timer(timer))
    } else {
        world.apply_stale(&Event::Timer(timer))
    }
}

/// A process ends that nobody asked to.
fn crash(world: &mut World, choice: &mut Choice) -> Result<(), String> {
    let alive: Vec<_> = world.processes.iter().filter(|it| it.life == Life::Alive).map(|it| it.id).collect();
    if alive.is_empty() {
        return Ok(());
    }
    let replica = alive[choice.below(alive.len())];
    if choice.one_in(4) {
        world.now += Duration::from_secs(11);
    }
    let exit = [Exit::Code(1), Exit::Signal(9), Exit::Code(0)][choice.below(3)];
    world.apply(&Event::Exited { replica, exit })
}

/// Something is said again, or too late.
fn stale(world: &mut World, choice: &mut Choice) -> Result<(), String> {
    let kind = choice.below(6);
    if kind == 0 && !world.fired.is_empty() {
        let timer = world.fired[choice.below(world.fired.len())];
        return world.apply_stale(&Event::Timer(timer));
    }
    if kind == 1 && !world.old_checks.is_empty() {
        let (replica, epoch) = world.old_checks[choice.below(world.old_checks.len())];
        if world.process(replica).unwrap().open_check != Some(epoch) {
            let answer = if choice.one_in(2) { Ok(()) } else { Err(String::new()) };
            return world.apply_stale(&Event::Health { replica, epoch, answer });
        }
    }
    let told: Vec<_> = world.processes.iter().filter(|it| it.life != Life::Asked).collect();
    if told.is_empty() {
        return Ok(());
    }
    let process = told[choice.below(told.len())];
    let (replica, dead) = (process.id, process.life == Life::Dead);
    let undrained = !process.drained || process.drain_over;
    match kind {
        2 => world.apply_stale(&Event::Spawned(replica)),
        3 if dead => world.apply_stale(&Event::Exited { replica, exit: Exit::Code(1) }),
        4 if dead && choice.one_in(2) => world.apply_stale(&Event::Quiet(replica)),
        4 if dead => world.apply_stale(&Event::Listening(replica)),
        5 if undrained => world.apply_stale(&Event::Drained(replica)),
        _ => Ok(()),
    }
}

fn command(world: &mut World, choice: &mut Choice) -> Result<(), String> {
    let service = world.known[choice.below(world.known.len())].id;
    let retired = world.known[world.index(service)].retired;
    let command = match choice.below(24) {
        0..3 => Command::Up { services: if choice.one_in(2) { Vec::new() } else { vec![service] } },
        3 => Command::Down,
        4 if choice.one_in(2) => Command::Kill,
        4 | 5 => Command::Stop { service },
        6..10 => Command::Scale { service, replicas: [0, 1, 2, 3][choice.below(4)] },
        10..12 => Command::Restart { service, release: world.next_release(), rolling: false },
        12..20 => Command::Restart { service, release: world.next_release(), rolling: true },
        _ => return world.adopt(choice),
    };
    let names_it = !matches!(&command, Command::Up { services } if services.is_empty())
        && !matches!(command, Command::Down | Command::Kill);
    let event = Event::Command(command);
    if retired && names_it { world.apply_stale(&event) } else { world.apply(&event) }
}
