//! What is asked of a running environment, and who is waited for meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use backlot_engine::{Engine, EngineError, LogWish, Site};
use backlot_supervisor::{Answer, Health, ReplicaReport, Request, State};

use crate::commands::ps;
use crate::context::Context;
use crate::render::{Showing, Task};

/// How long it takes before somebody is told who is waited for, and how often it is looked again.
const STEP: Duration = Duration::from_secs(1);
/// How often it is looked whether a time is over.
const SHORT: Duration = Duration::from_millis(50);

/// Who is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Awaited<'a> {
    /// The services; none means all.
    pub services: &'a [String],
    /// Whether their ends are what is waited for; else, that they do well.
    pub ends: bool,
    /// How long, if there is a limit.
    pub limit: Option<&'a Limit>,
}

/// How long something is waited for.
#[derive(Debug)]
pub struct Limit {
    pub time: Duration,
    /// Whether it was over sooner than there was an answer.
    pub passed: AtomicBool,
}

impl Limit {
    pub fn of(time: Duration) -> Self {
        Self { time, passed: AtomicBool::new(false) }
    }
}

/// Asks for something. Who is still waited for is shown with what is known of it.
pub fn ask(
    engine: &dyn Engine,
    site: &Site,
    request: &Request,
    awaited: Awaited<'_>,
    context: &Context,
) -> Result<Answer, EngineError> {
    let over = Over { is: Mutex::new(false), told: Condvar::new() };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        if context.progress().showing != Showing::Nothing {
            scope.spawn(|| look_on(site, awaited, context, &over));
        }
        let stop = match awaited.limit {
            Some(limit) => {
                scope.spawn(|| look_at_time(limit, &stop, &over, context));
                &stop
            }
            None => &*context.interrupted,
        };
        let answer = engine.ask(site, request, stop, &mut context.newsreader());
        *over.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        over.told.notify_all();
        answer
    })
}

/// That an answer has come.
struct Over {
    is: Mutex<bool>,
    told: Condvar,
}

impl Over {
    /// Waits for that, but not long.
    fn wait(&self, step: Duration) -> bool {
        let is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(is, step, |is| !*is);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Sets `stop` when the time is over, or the caller asks to stop, until there is an answer.
fn look_at_time(limit: &Limit, stop: &AtomicBool, over: &Over, context: &Context) {
    let since = Instant::now();
    while !over.wait(SHORT) {
        let passed = since.elapsed() >= limit.time;
        limit.passed.store(passed, Ordering::SeqCst);
        if passed || context.interrupted.load(Ordering::SeqCst) {
            return stop.store(true, Ordering::SeqCst);
        }
    }
}

/// The replicas that are neither well nor at their end, each with how it does.
pub fn not_well(site: &Site, awaited: Awaited<'_>, context: &Context) -> Vec<String> {
    let services = context.engine(site).and_then(|engine| Ok(engine.services(site)?)).unwrap_or_default();
    let meant = services.iter().filter(|service| awaited.is_about(&service.name));
    let all = meant.flat_map(|service| service.replicas.iter().map(move |replica| (service, replica)));
    let missing = all.filter(|(_, replica)| awaited.waits_for(replica));
    missing
        .map(|(service, replica)| {
            format!("{}-{} ({})", service.name, replica.number, ps::how_it_does(replica))
        })
        .collect()
}

/// Shows the replicas that are neither well nor at their end, until there is an answer.
fn look_on(site: &Site, awaited: Awaited<'_>, context: &Context, over: &Over) {
    let (since, progress) = (Instant::now(), context.progress());
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    while !over.wait(STEP) {
        let services = context.engine(site).and_then(|engine| Ok(engine.services(site)?));
        let mut missing = BTreeMap::new();
        for service in services.into_iter().flatten() {
            if !awaited.is_about(&service.name) {
                continue;
            }
            for replica in service.replicas.iter().filter(|replica| awaited.waits_for(replica)) {
                let name = format!("{}-{}", service.name, replica.number);
                let detail =
                    replica.reason.clone().or_else(|| last_line(site, &service.name, &name, context));
                missing.insert(name, (ps::how_it_does(replica), detail));
            }
        }
        tasks.retain(|name, _| missing.contains_key(name));
        for (name, (what, detail)) in missing {
            let what = match progress.showing {
                Showing::Redrawn => what.to_owned(),
                Showing::Lines | Showing::Nothing => format!("waiting for {name} ({what})"),
            };
            let begin = || Task::begin(&name, what.clone(), since, progress.showing, progress.style);
            tasks.entry(name.clone()).or_insert_with(begin).tell(&what, detail);
        }
    }
}

impl Awaited<'_> {
    fn is_about(self, service: &String) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }

    fn waits_for(self, replica: &ReplicaReport) -> bool {
        match replica.state {
            State::Waiting
            | State::Blocked
            | State::Starting
            | State::Restarting
            | State::Draining
            | State::Stopping => true,
            State::Running => self.ends || replica.health != Some(Health::Healthy),
            State::Completed | State::Failed => false,
        }
    }
}

/// What a replica has printed last: a compiler's line, say.
fn last_line(site: &Site, service: &str, replica: &str, context: &Context) -> Option<String> {
    let wish = LogWish { services: vec![service.to_owned()], tail: Some(1), ..LogWish::default() };
    let lines = context.engine(site).ok()?.lines(site, wish).ok()?.so_far().ok()?;
    lines.into_iter().rev().find(|line| line.replica == replica).map(|line| line.text)
}
