//! `backlot up` in the foreground: what the services print, until Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, SystemTime};

use backlot_engine::docker::{Client, LogWish};
use backlot_engine::native::{Watcher, connect, down, log_query, watch_over};
use backlot_engine::{Deployment, Engine, EngineError, EngineKind, Site, Started};
use backlot_logs::Follower;
use backlot_supervisor::{News, Request};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::LogPrinter;

/// How long it is waited for new lines before signals are looked at again.
const STEP: Duration = Duration::from_millis(50);

/// What comes from the connection that the environment lives as long as.
enum Heard {
    News(News),
    Ended,
}

pub fn run(
    deployment: &Deployment<'_>,
    started: &Started,
    since: SystemTime,
    watcher: Option<Watcher>,
    context: &Context,
) -> Result<Exit, CommandError> {
    let site = deployment.site();
    if let (Engine::Docker(client), Some(watcher)) = (context.engine(site)?, watcher) {
        return on_docker(&client, site, since, watcher, context);
    }
    let outcome = if started.has_services {
        attended(site, since, context)
    } else {
        database_alone(site, since, context)
    };
    // However it went: nothing of it stays.
    context.interrupted.store(false, Ordering::SeqCst);
    down(site, false, &mut context.reporter())?;
    outcome
}

/// Shows what all print, until Ctrl-C or until somebody else stops them.
fn attended(site: &Site, since: SystemTime, context: &Context) -> Result<Exit, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = attach(site, Arc::clone(&stop))?;
    let mut printer = LogPrinter::new(context.caller.wants_colour_on_stdout, false);
    let mut query = log_query(site, Vec::new())?;
    query.since = Some(since);
    let mut follower = Follower::new(&query);
    let progress = context.progress();
    loop {
        for line in follower.next(STEP) {
            printer.print(&line);
        }
        loop {
            match heard.try_recv() {
                Ok(Heard::News(news)) => progress.news(&news),
                Ok(Heard::Ended) | Err(TryRecvError::Disconnected) => {
                    for line in follower.next(Duration::ZERO) {
                        printer.print(&line);
                    }
                    progress.say(&format!("{} was stopped", site.name()));
                    return Ok(Exit::Done);
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        if context.interrupted.swap(false, Ordering::SeqCst) {
            break;
        }
    }
    progress.say("stopping (Ctrl-C again: at once)");
    stop_all(site, context)?;
    stop.store(true, Ordering::SeqCst);
    for line in follower.next(Duration::ZERO) {
        printer.print(&line);
    }
    Ok(Exit::Interrupted)
}

fn attach(site: &Site, stop: Arc<AtomicBool>) -> Result<Receiver<Heard>, CommandError> {
    let client = connect(site)?;
    let (sender, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut news = |news| drop(sender.send(Heard::News(news)));
        let _ = client.ask(&Request::Attach, &stop, &mut news);
        let _ = sender.send(Heard::Ended);
    });
    Ok(heard)
}

/// Stops the services in their order; a second Ctrl-C kills them.
fn stop_all(site: &Site, context: &Context) -> Result<(), CommandError> {
    let mut news = context.newsreader();
    let engine = Engine::Native;
    match engine.ask(site, &Request::Down, &context.interrupted, &mut news) {
        Err(EngineError::StoppedWaiting) => {
            context.interrupted.store(false, Ordering::SeqCst);
            engine.ask(site, &Request::Kill, &context.interrupted, &mut news)?;
        }
        Ok(_) | Err(EngineError::NoServices { .. } | EngineError::Control(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Docker has no supervisor of ours: what would be left if we were killed is taken down by a process that watches over us,
/// from before anything is started.
pub fn watch(deployment: &Deployment<'_>, context: &Context) -> Result<Option<Watcher>, CommandError> {
    match deployment.kind() {
        EngineKind::Native => Ok(None),
        EngineKind::Docker => Ok(Some(watch_over(deployment.site(), &context.caller.variables)?)),
    }
}

fn on_docker(
    client: &Client,
    site: &Site,
    since: SystemTime,
    watcher: Watcher,
    context: &Context,
) -> Result<Exit, CommandError> {
    let outcome = attended_on_docker(client, site, since, context);
    context.interrupted.store(false, Ordering::SeqCst);
    let down = client.down(site, &context.interrupted, &mut context.reporter());
    watcher.dismiss();
    down?;
    outcome
}

fn attended_on_docker(
    client: &Client,
    site: &Site,
    since: SystemTime,
    context: &Context,
) -> Result<Exit, CommandError> {
    let mut lines = client.lines(site, LogWish { since: Some(since), ..LogWish::default() })?;
    let mut printer = LogPrinter::new(context.caller.wants_colour_on_stdout, false);
    loop {
        for line in lines.next(STEP)? {
            printer.print(&line);
        }
        if context.interrupted.swap(false, Ordering::SeqCst) {
            context.progress().say("stopping (Ctrl-C again: at once)");
            return Ok(Exit::Interrupted);
        }
        if !lines.is_live() {
            context.progress().say(&format!("{} was stopped", site.name()));
            return Ok(Exit::Done);
        }
    }
}

/// A stack of a database only needs no supervisor: its log is shown.
fn database_alone(site: &Site, since: SystemTime, context: &Context) -> Result<Exit, CommandError> {
    let mut printer = LogPrinter::new(context.caller.wants_colour_on_stdout, false);
    let mut query = log_query(site, Vec::new())?;
    query.since = Some(since);
    let mut follower = Follower::new(&query);
    while !context.interrupted.load(Ordering::SeqCst) {
        for line in follower.next(STEP) {
            printer.print(&line);
        }
        if !site.is_running()? {
            context.progress().say(&format!("{} was stopped", site.name()));
            return Ok(Exit::Done);
        }
    }
    Ok(Exit::Interrupted)
}
