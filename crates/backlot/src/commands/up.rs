//! `backlot up`

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use backlot_engine::{Deployment, EngineError, Hint, Home, NoService, Started, Wishes};
use backlot_project::{Environment, Project};
use backlot_supervisor::{Health, Request, ServiceReport, State};
use serde_json::json;

use crate::commands::foreground;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::global::EngineChoice;
use crate::render;

/// Start the chosen environment: its database and all other services
///
/// In the foreground, what they print is shown, and Ctrl-C stops all of it. A second `up` replaces, one replica after
/// another, the services whose code or configuration has changed. What services' Dockerfiles install is installed first where it
/// is missing, outside of the project (see `install`).
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    /// The services to start, with all that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Leave them running in the background
    #[arg(short = 'd', long)]
    detach: bool,
    /// Return when every service is healthy, or a one-shot has finished well; in the background
    #[arg(long)]
    wait: bool,
    /// Leave a service out that others depend on: they run without it (repeatable)
    #[arg(long, value_name = "SERVICE")]
    without: Vec<String>,
    /// Build images anew, on Docker
    #[arg(long)]
    build: bool,
    /// Install nothing that services' Dockerfiles do
    #[arg(long)]
    no_install: bool,
    /// Run N replicas of a service (repeatable)
    #[arg(long, value_name = "SERVICE=N", value_parser = parse_scale)]
    scale: Vec<(String, u32)>,
}

/// `web=3`
pub fn parse_scale(text: &str) -> Result<(String, u32), String> {
    let (service, count) = text.split_once('=').ok_or("it is not of the form SERVICE=N")?;
    let count = count.parse().map_err(|_| format!("{count:?} is no number of replicas"))?;
    if service.is_empty() {
        Err("the service's name is missing".into())
    } else {
        Ok((service.to_owned(), count))
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    let named = args.services.iter().chain(args.scale.iter().map(|(service, _)| service));
    let mut project = context.project()?.naming(named.cloned());
    let mut environment = context.environment(&project)?;
    let called = called(&environment, context, &home, &project)?;
    if !called.is_empty() {
        project = project.naming(called);
        environment = context.environment(&project)?;
    }
    let environment = without(environment, &args.without, context)?;
    let wishes = Wishes {
        services: args.services.clone(),
        scale: args.scale.iter().cloned().collect::<BTreeMap<_, _>>(),
        build: args.build,
        no_install: args.no_install,
        ..Wishes::default()
    };
    let deployment = context.deployment(context.ground(&home, &project), environment, &wishes)?;
    if context.global.dry_run {
        context.tell(deployment.told(&wishes)?);
        return context.show_steps(&deployment.plan_up(&wishes)?);
    }
    let start = Instant::now();
    let since = std::time::SystemTime::now();
    let in_foreground = !args.detach && !args.wait;
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
        let attendance = context.engine(site)?.attend(site, &started, since, watcher)?;
        return foreground::run(attendance, site.name(), context);
    }
    let services = if !started.has_services {
        Vec::new()
    } else if args.wait {
        wait(deployment.as_ref(), &args.services, context)?
    } else {
        context.engine(deployment.site())?.services(deployment.site())?
    };
    show(deployment.as_ref(), &started, &services, start, args.wait, context);
    Ok(Exit::Done)
}

/// The environment without these services.
fn without(
    mut environment: Environment,
    names: &[String],
    context: &Context,
) -> Result<Environment, CommandError> {
    if names.is_empty() {
        return Ok(environment);
    }
    NoService::check(&environment.stack, names).map_err(|error| CommandError::usage("no-service", error))?;
    if context.global.engine == EngineChoice::Docker {
        let error = "--without is for what runs beside processes: Compose starts what a service depends on";
        return Err(CommandError::usage("impossible", error));
    }
    environment.stack = environment.stack.without(names);
    Ok(environment)
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
    context: &Context,
) -> Result<Vec<ServiceReport>, CommandError> {
    let site = deployment.site();
    let engine = context.engine(site)?;
    let request = Request::WaitHealthy { services: services.to_vec() };
    let outcome = engine.ask(site, &request, &context.interrupted, &mut context.newsreader());
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

fn show(
    deployment: &dyn Deployment<'_>,
    started: &Started,
    services: &[ServiceReport],
    start: Instant,
    waited: bool,
    context: &Context,
) {
    let name = deployment.site().name();
    if context.global.json {
        let list: Vec<_> = services.iter().map(super::ps::service_in_json).collect();
        return render::json(&json!({
            "environment": name,
            "was_running": started.was_up,
            "services": list,
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

fn is_well(state: State, health: Option<Health>) -> bool {
    state == State::Running && health == Some(Health::Healthy)
}
