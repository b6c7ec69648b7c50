//! `backlot watch`, and `up --watch`

mod carry_out;
mod copying;
mod guard;
mod rules;
mod session;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_engine::{Client, ComposeProject, EngineError, EngineKind, Hint, Site};
use backlot_process::{Printed, Program, Stdout, exit_code};
use backlot_project::stack::WatchAction;
use backlot_project::{Environment, Project};
use backlot_watch::{Rule, Watching};

use crate::commands::services;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

use session::Session;

/// A limit for what ends when it is told to: a year.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_hours(24 * 365);

/// Replace services when their files change
///
/// What Compose's `develop.watch` says of a service is done; one without it is replaced when its own source changes, one replica
/// after another, so that no request is dropped. What .gitignore and .dockerignore name does not count, nor do files that programs
/// leave. Ctrl-C ends it, and leaves the services as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The services [default: all that have source here, or say what to watch]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    // It starts nothing.
    #[arg(long = "no-up", hide = true)]
    _no_up: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let engine = context.engine(&site)?;
    let running = engine.services(&site)?;
    let known = running.iter().map(|service| service.name.clone()).collect();
    services::check(&args.services, known, &project, context)?;
    let environment = context.environment(&project)?;
    let is_composed = engine.kind() == EngineKind::Docker;
    if context.global.dry_run && is_composed {
        let program = by_compose(&site, &environment, &args.services, context)?;
        return context.show_steps(&[program.to_string()]);
    }
    if context.global.dry_run {
        let chosen = rules::choose(&environment, project.root(), &args.services)?;
        return context.show_steps(&steps(&chosen.rules, &environment, project.root()));
    }
    if running.iter().all(|service| service.replicas.is_empty()) {
        let error = EngineError::NotUp { environment: site.name().to_owned(), exists: true };
        let up =
            Hint::from("start it, and watch: ").then(Hint::command(&["-e", site.name(), "up", "--watch"]));
        return Err(CommandError { hints: vec![up], ..CommandError::from(error) });
    }
    if is_composed {
        let program = by_compose(&site, &environment, &args.services, context)?;
        return Ok(Exit::Child(exit_code(program.run(Stdout::Ours, &context.interrupted)?.status)));
    }
    let watcher = Watcher::new(&site, (project.root(), environment), &args.services, context)?;
    watcher.watch(&context.interrupted)
}

/// What watches an environment that is in the foreground.
pub enum Beside<'a> {
    /// Ourselves.
    Ours(Box<Watcher<'a>>),
    /// Docker Compose.
    Compose(Program),
}

impl<'a> Beside<'a> {
    /// What watches these services (none: all) of an environment that was just brought up.
    ///
    /// # Errors
    /// Where there is nothing to watch, or what the file says of it makes no sense.
    pub fn of(
        site: &Site,
        project: &Project,
        services: &[String],
        context: &'a Context,
    ) -> Result<Self, CommandError> {
        let environment = context.environment(project)?;
        if context.engine(site)?.kind() == EngineKind::Docker {
            return by_compose(site, &environment, services, context).map(Self::Compose);
        }
        let watcher = Watcher::new(site, (project.root(), environment), services, context)?;
        Ok(Self::Ours(Box::new(watcher)))
    }

    /// Watches until `over` is set; what goes wrong is shown.
    pub fn watch(self, over: &AtomicBool, context: &Context) {
        let outcome = match self {
            Self::Ours(watcher) => watcher.watch(over).map(drop),
            Self::Compose(program) => look_on(&program, over),
        };
        if let Err(error) = outcome {
            context.complain(&error);
        }
    }
}

/// Runs a program, and passes what it prints on, until `over` is set.
fn look_on(program: &Program, over: &AtomicBool) -> Result<(), CommandError> {
    let mut shown = (0, 0);
    let mut pass = |printed: Printed<'_>| {
        let new = [&printed.stdout[shown.0..], &printed.stderr[shown.1..]];
        new.iter()
            .flat_map(|text| text.split(|byte| *byte == b'\n'))
            .filter(|line| !line.is_empty())
            .for_each(|line| {
                render::note(&String::from_utf8_lossy(line));
            });
        shown = (printed.stdout.len(), printed.stderr.len());
        !over.load(Ordering::SeqCst)
    };
    match program.output_while(&[], AS_LONG_AS_IT_TAKES, &mut pass) {
        Err(_) if over.load(Ordering::SeqCst) => Ok(()),
        outcome => Ok(outcome.map(drop)?),
    }
}

/// Says what is in the way of watching these services, before anything is started.
///
/// # Errors
/// As [`Beside::of`].
pub fn check(
    environment: &Environment,
    root: &Path,
    services: &[String],
    kind: EngineKind,
) -> Result<(), CommandError> {
    match kind {
        EngineKind::Native => rules::choose(environment, root, services).map(drop),
        EngineKind::Docker => check_for_compose(environment, services),
    }
}

/// Compose watches nothing but what the file says.
fn check_for_compose(environment: &Environment, services: &[String]) -> Result<(), CommandError> {
    let all = environment.stack.services.values();
    let mut chosen = all.filter(|service| services.is_empty() || services.contains(&service.name));
    if chosen.any(|service| !service.watch.is_empty()) {
        return Ok(());
    }
    let error = "no service has develop.watch, and Docker Compose watches nothing else";
    let hint = "say under a service what to watch, `develop: {watch: [{path: ., action: rebuild}]}`, or run it natively";
    Err(CommandError::failed("nothing-to-watch", error).hint(hint))
}

/// The rules as steps of a dry run.
fn steps(rules: &[Rule], environment: &Environment, root: &Path) -> Vec<String> {
    let step = |rule: &Rule| {
        let path = rule.path.strip_prefix(root).unwrap_or(&rule.path).display().to_string();
        let path = if path.is_empty() { ".".to_owned() } else { path };
        let said =
            rule.said.and_then(|number| environment.stack.services.get(&rule.service)?.watch.get(number));
        let what = match said.map(|said| said.action) {
            None => "restart",
            Some(action) => word(action),
        };
        format!("watch {path} for {}: {what}", rule.service)
    };
    rules.iter().map(step).collect()
}

/// Compose's word.
fn word(action: WatchAction) -> &'static str {
    match action {
        WatchAction::Rebuild => "rebuild",
        WatchAction::Sync => "sync",
        WatchAction::Restart => "restart",
        WatchAction::SyncRestart => "sync+restart",
        WatchAction::SyncExec => "sync+exec",
    }
}

/// Compose's own `watch`, of services that are up.
///
/// # Errors
/// Where no service says what to watch: Compose knows no other way.
pub fn by_compose(
    site: &Site,
    environment: &Environment,
    services: &[String],
    context: &Context,
) -> Result<Program, CommandError> {
    check_for_compose(environment, services)?;
    let client = Client::locate(&context.caller.variables).map_err(EngineError::from)?;
    let compose = ComposeProject::running(site)?.unwrap_or_else(|| ComposeProject::of(environment));
    let quiet = context.global.quiet.then_some("--quiet");
    let words = ["watch", "--no-up"].into_iter().chain(quiet).chain(services.iter().map(String::as_str));
    Ok(client.compose_in(&compose, words.map(OsString::from)).map_err(EngineError::from)?)
}

/// The files of an environment's services, being watched.
pub struct Watcher<'a> {
    session: Session<'a>,
    watching: Watching,
}

impl<'a> Watcher<'a> {
    /// Watches those of the services that are named (none: of all) from now on.
    ///
    /// # Errors
    /// Where none of them has any, or what the file says of them makes no sense.
    pub fn new(
        site: &Site,
        (root, environment): (&Path, Environment),
        services: &[String],
        context: &'a Context,
    ) -> Result<Self, CommandError> {
        let chosen = rules::choose(&environment, root, services)?;
        let mut session = Session::new(site, root, environment, context);
        context.tell(chosen.notes);
        let names: BTreeSet<&str> = chosen.rules.iter().map(|rule| rule.service.as_str()).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let watching = Watching::start(chosen.rules);
        let files = watching.files();
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        session.begin(&watching)?;
        context.progress().say(&format!("watching {files} of {names}"));
        Ok(Self { session, watching })
    }

    /// Does what their changes ask for until `over` is set, or the environment is down.
    pub fn watch(mut self, over: &AtomicBool) -> Result<Exit, CommandError> {
        self.session.watch(&mut self.watching, over)
    }
}
