//! What is asked of a running environment, and who is waited for meanwhile.

use std::collections::BTreeMap;
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

/// Who is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// The services; none means all.
    pub services: &'a [String],
    /// Whether their ends are what is waited for; else, that they do well.
    pub ends: bool,
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
    thread::scope(|scope| {
        if context.progress().showing != Showing::Nothing {
            scope.spawn(|| look_on(site, awaited, context, &over));
        }
        let answer = engine.ask(site, request, &context.interrupted, &mut context.newsreader());
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
    fn wait(&self) -> bool {
        let is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(is, STEP, |is| !*is);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Shows the replicas that are neither well nor at their end, until there is an answer.
fn look_on(site: &Site, awaited: Awaited<'_>, context: &Context, over: &Over) {
    let (since, progress) = (Instant::now(), context.progress());
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    while !over.wait() {
        let services = context.engine(site).and_then(|engine| Ok(engine.services(site)?));
        let mut missing = BTreeMap::new();
        for service in services.into_iter().flatten() {
            if !awaited.services.is_empty() && !awaited.services.contains(&service.name) {
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
