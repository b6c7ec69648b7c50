//! `backlot up`

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backlot_engine::{Deployment, EngineError, Hint, Home, MovedPort, Site, Started, Wishes};
use backlot_project::{Environment, Project};
use backlot_supervisor::{Health, Request, ServiceReport, State};
use serde_json::json;

use crate::commands::asking::{Awaited, Limit, ask, not_well};
use crate::commands::config;
use crate::commands::foreground::{self, Shown, Stack};
use crate::commands::leaving_out::LeavingOut;
use crate::commands::named::Named;
use crate::commands::ps::service_in_json;
use crate::commands::scale::parse_scale;
use crate::commands::watch;
use crate::context::{Context, DEFAULT_ENVIRONMENT};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Start the chosen environment: its database and all other services
///
/// In the foreground, what they print is shown, and Ctrl-C stops all of it. A second `up` replaces, one replica after
/// another, the services whose code or configuration has changed. What services' Dockerfiles install is installed first where it
/// is missing, outside of the project (see `install`).
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    /// The services to start, with all that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Start nothing that the services depend on but the database: what runs of that stays as it is
    #[arg(long)]
    no_deps: bool,
    /// Leave them running in the background
    #[arg(short = 'd', long)]
    detach: bool,
    /// Replace services when their files change, as `watch` does; in the foreground
    #[arg(short = 'w', long, conflicts_with_all = ["detach", "wait"])]
    watch: bool,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    leaving_out: LeavingOut,
    /// Begin with no data in a worktree, whose first database is a copy of the main checkout's
    #[arg(long)]
    empty: bool,
    /// Build images anew, on Docker
    #[arg(long)]
    build: bool,
    /// Build no images: those that containers need are here, or it fails
    #[arg(long, conflicts_with = "build")]
    no_build: bool,
    /// Replace services even if they are as they were: those that are named, or all; data stays
    #[arg(long)]
    force_recreate: bool,
    /// End services that the files do not have, even if only some are named
    #[arg(long, hide_short_help = true)]
    remove_orphans: bool,
    /// Install nothing that services' Dockerfiles do
    #[arg(long)]
    no_install: bool,
    /// Tell names over TLS: a local authority is made once, and how it is trusted is told (see `url`)
    #[arg(long)]
    tls: bool,
    /// Run N replicas of a service (repeatable)
    #[arg(long, value_name = "SERVICE=N", value_parser = parse_scale)]
    scale: Vec<(String, u32)>,
    /// How many seconds what is replaced, or ends with Ctrl-C, may take, instead of its `stop_grace_period`
    #[arg(short = 't', long, value_name = "SECONDS", hide_short_help = true)]
    timeout: Option<u64>,
    #[command(flatten)]
    shown: Shown,
    // What the files name no more is ended anyway, and nothing is asked.
    #[arg(short = 'y', long = "yes", hide = true)]
    _yes: bool,
}

/// Whether it is waited, and how long.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub struct Waiting {
    /// Return when every service is healthy, or a one-shot has finished well; in the background
    #[arg(long)]
    wait: bool,
    /// Wait no longer than so many seconds after everything was started, and fail then; what was started stays
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    wait_timeout: Option<u64>,
}

impl Args {
    fn wishes(&self) -> Wishes {
        Wishes {
            services: self.services.clone(),
            no_deps: self.no_deps,
            scale: self.scale.iter().cloned().collect::<BTreeMap<_, _>>(),
            build: self.build,
            empty: self.empty,
            no_install: self.no_install,
            no_build: self.no_build,
            recreate: self.force_recreate,
            orphans: self.remove_orphans,
            grace: self.timeout.map(Duration::from_secs),
            ..Wishes::default()
        }
    }

    /// These services, in the background.
    pub fn detached(services: Vec<String>, waiting: Waiting) -> Self {
        Self { services, detach: true, waiting, ..Self::default() }
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    let named = args.services.iter().chain(args.scale.iter().map(|(service, _)| service));
    let mut project = context.project()?.naming(named.cloned());
    let wishes = args.wishes();
    let environment = chosen(args, &wishes, &home, &mut project, context)?;
    args.shown.check(&environment.stack)?;
    let deployment = context.deployment(context.ground(&home, &project), environment, &wishes)?;
    if context.global.verbose > 0 {
        context.tell_way(&home);
        context.tell(deployment.details(&wishes));
    }
    let moved = context.moved(&home, &project)?;
    context.tell_ports(&moved);
    if context.global.dry_run {
        let steps = deployment.plan_up(&wishes)?;
        context.tell(deployment.told(&wishes)?);
        return context.show_steps(&steps);
    }
    if args.watch {
        let environment = context.environment(&project)?;
        watch::check(&environment, project.root(), &args.services, deployment.kind())?;
    }
    let start = Instant::now();
    let since = std::time::SystemTime::now();
    let in_foreground = !args.detach && !args.waiting.wait;
    let watcher = if in_foreground { deployment.watch()? } else { None };
    let started = match deployment.up(&wishes, &mut context.reporter(), &mut context.newsreader()) {
        Ok(started) => started,
        Err(error) => {
            // What it made is taken away already, and what was there before stays.
            if let Some(watcher) = watcher {
                watcher.dismiss();
            }
            return Err(error.into());
        }
    };
    if in_foreground {
        let site = deployment.site();
        if started.has_services {
            // What cannot be asked now shows in the foreground.
            let services = context.engine(site)?.services(site).unwrap_or_default();
            say_names(with_names(site, &services, args.tls, context)?.as_ref(), &services, context);
        }
        let attendance = context.engine_within(site, args.timeout)?.attend(site, &started, since, watcher)?;
        let (services, watch, shown) = (args.services.as_slice(), args.watch, &args.shown);
        let stack = Stack { site, project: &project, services, watch, shown };
        return foreground::run(attendance, stack, context);
    }
    let services = if !started.has_services {
        Vec::new()
    } else if args.waiting.wait {
        wait(deployment.as_ref(), &args.services, args.waiting.wait_timeout, context)?
    } else {
        context.engine(deployment.site())?.services(deployment.site())?
    };
    let named = with_names(deployment.site(), &services, args.tls, context)?;
    let (named, waited) = (named.as_ref(), args.waiting.wait);
    let up = Up { started: &started, services: &services, moved: &moved, named, waited };
    show(deployment.as_ref(), up, start, context);
    say_names(named, &services, context);
    Ok(Exit::Done)
}

/// The environment that is to be up, as its project and `args` have it.
fn chosen(
    args: &Args,
    wishes: &Wishes,
    home: &Home,
    project: &mut Project,
    context: &Context,
) -> Result<Environment, CommandError> {
    let mut environment = context.environment_to_start(project, wishes)?;
    let called = called(&environment, context, home, project)?;
    if !called.is_empty() {
        *project = project.clone().naming(called);
        environment = context.environment(project)?;
    }
    if let Some(error) = all_off(&environment) {
        context.tell_of(&environment);
        return Err(error);
    }
    if args.no_deps {
        let named = |name: &String| args.services.is_empty() || args.services.contains(name);
        let alone = environment.stack.services.iter_mut().filter(|(name, _)| named(name));
        alone.for_each(|(_, service)| service.depends_on.clear());
    }
    args.leaving_out.of(environment, context)
}

/// That profiles leave nothing of an environment, if they do.
pub fn all_off(environment: &Environment) -> Option<CommandError> {
    let stack = &environment.stack;
    if !stack.services.is_empty() || stack.off.is_empty() {
        return None;
    }
    let names: Vec<&str> = stack.off.iter().map(String::as_str).collect();
    let error = format!("no service is switched on: {} are off by their profiles", names.join(", "));
    let error = if names.len() == 1 { error.replace(" are off by their", " is off by its") } else { error };
    let hint = Hint::from("name services, as in `").then(Hint::command(&["up", names[0]]));
    let hint = hint.then("`, or switch profiles on: `--profile NAME`, or COMPOSE_PROFILES in .env");
    Some(CommandError::failed("no-service", error).hint(hint))
}

fn with_names(
    site: &Site,
    services: &[ServiceReport],
    tls: bool,
    context: &Context,
) -> Result<Option<Named>, CommandError> {
    let named = Named::opened(site, services, context);
    if tls { named.map(|named| named.over_tls(context)).transpose() } else { Ok(named) }
}

/// What has come of an `up`.
#[derive(Clone, Copy)]
struct Up<'a> {
    started: &'a Started,
    services: &'a [ServiceReport],
    moved: &'a [MovedPort],
    named: Option<&'a Named>,
    waited: bool,
}

/// The services that profiles leave out and that were started by their name: they stay as they are.
fn called(
    environment: &Environment,
    context: &Context,
    home: &Home,
    project: &Project,
) -> Result<Vec<String>, CommandError> {
    let off = &environment.stack.off;
    if off.is_empty() {
        return Ok(Vec::new());
    }
    let site = context.site(home, project)?;
    let mut known = context.engine(&site)?.ended_when_unknown(&site)?;
    known.retain(|name| off.contains(name));
    Ok(known)
}

/// Waits until the services do well, and tells how they do then.
pub fn wait(
    deployment: &dyn Deployment<'_>,
    services: &[String],
    seconds: Option<u64>,
    context: &Context,
) -> Result<Vec<ServiceReport>, CommandError> {
    let site = deployment.site();
    let engine = context.engine(site)?;
    let request = Request::WaitHealthy { services: services.to_vec() };
    let limit = seconds.map(|seconds| Limit::of(Duration::from_secs(seconds)));
    let awaited = Awaited { services, limit: limit.as_ref(), ..Awaited::default() };
    let outcome = ask(engine.as_ref(), site, &request, awaited, context);
    if let Some(limit) = limit.as_ref().filter(|limit| limit.passed.load(Ordering::SeqCst)) {
        let missing = not_well(site, awaited, context).join(", ");
        let error = format!("not all was ready within {} s: {missing}", limit.time.as_secs());
        return Err(CommandError::failed("not-ready", error).hint(
            Hint::command(&["-e", site.name(), "logs"]).then(" shows what they have printed, and they go on"),
        ));
    }
    if let Err(EngineError::StoppedWaiting) = outcome {
        context.interrupted.store(false, Ordering::SeqCst);
        return Err(CommandError {
            exit: Exit::Interrupted,
            ..CommandError::failed("interrupted", "interrupted; the services are on their way up")
                .hint(Hint::command(&["-e", site.name(), "down"]))
        });
    }
    outcome?;
    Ok(engine.services(site)?)
}

fn show(deployment: &dyn Deployment<'_>, up: Up<'_>, start: Instant, context: &Context) {
    let Up { started, services, moved, named, waited } = up;
    let name = deployment.site().name();
    if context.global.json {
        let list = services.iter().map(|service| service_in_json(service, services, named));
        let list: Vec<_> = list.collect();
        return render::json(&json!({
            "environment": name,
            "was_running": started.was_up,
            "services": list,
            "moved": moved.iter().map(config::moved_in_json).collect::<Vec<_>>(),
            "took_ms": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        }));
    }
    if context.global.quiet {
        return;
    }
    let state = if waited { "up" } else { "starting" };
    render::line(&format!("{name} is {state} ({}).", render::took(start.elapsed())));
    if let (Some(database), true) = (&started.database, services.is_empty()) {
        render::line(&format!("  {}: 127.0.0.1:{}", database.service, database.port()));
    }
    let database = started.database.as_ref().map(|database| database.service.as_str());
    let up: Vec<_> = services.iter().filter(|service| !service.replicas.is_empty()).collect();
    // Where nothing is published, the ports that only services know of are all that there is.
    let beside = up.iter().filter(|service| Some(service.name.as_str()) != database);
    let published = beside.flat_map(|service| &service.endpoints).any(|endpoint| endpoint.published);
    for service in up {
        for endpoint in service.endpoints.iter().filter(|endpoint| endpoint.published || !published) {
            let healthy = service.replicas.iter().filter(|replica| is_well(replica.state, replica.health));
            let count = if service.wanted > 1 {
                format!("  ({} of {} replicas are ready)", healthy.count(), service.wanted)
            } else {
                String::new()
            };
            // Where some of them are containers, it is said which.
            let is_beside = service.engine != deployment.kind().to_string();
            let by = if is_beside { format!("  (a container of {})", service.engine) } else { String::new() };
            render::line(&format!("  {}: {}{count}{by}", service.name, endpoint.url()));
        }
    }
}

/// Tells where services are by name, if there is a door.
pub fn say_names(named: Option<&Named>, services: &[ServiceReport], context: &Context) {
    if context.global.json {
        return;
    }
    let urls = named.map(|named| named.urls(services)).unwrap_or_default();
    let Some((_, first)) = urls.first() else { return };
    let environment = named.map_or("", |named| named.environment());
    let line = if context.names_environment() || environment != DEFAULT_ENVIRONMENT {
        context.line(&format!("-e {environment} url"))
    } else {
        context.line("url")
    };
    let more = if urls.len() > 1 { format!("  (all: {line})") } else { String::new() };
    context.progress().say(&format!("  by name: {first}{more}"));
}

fn is_well(state: State, health: Option<Health>) -> bool {
    state == State::Running && health == Some(Health::Healthy)
}
