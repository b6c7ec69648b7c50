//! `backlot scenario up`

use std::collections::BTreeSet;

use backlot_engine::{
    Deployment, EngineError, EngineKind, Event, Filling, Hint, Home, LiveDatabase, Started, Wishes, schema,
};
use backlot_project::{Project, ScenarioName, ScenarioSource};
use backlot_supervisor::ServiceReport;
use serde_json::json;

use crate::commands::down::answer;
use crate::commands::leaving_out::LeavingOut;
use crate::commands::named::Named;
use crate::commands::scenario::find::deployment;
use crate::commands::up::{say_names, wait};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;
use crate::scenarios::{meant, no_scenario};

/// The code of packages that cannot be installed.
const INSTALL: &str = "install";
/// The same of what a database can do without.
const NOT_HAD: [&str; 2] = [INSTALL, "no-image"];

/// Bring a scenario up: its own Postgres on its own free port, filled by its file
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    /// The scenario's name
    name: String,
    /// Leave its database empty, and take its name as it stands
    #[arg(long)]
    empty: bool,
    /// Make it anew, whatever is there
    #[arg(long)]
    fresh: bool,
    /// Start these services only, with all that they depend on; `--only db` for the database alone (repeatable)
    #[arg(long, value_name = "SERVICE")]
    only: Vec<String>,
    #[command(flatten)]
    leaving_out: LeavingOut,
    /// Build images anew, on Docker
    #[arg(long)]
    build: bool,
    /// Install nothing that services' Dockerfiles do
    #[arg(long)]
    no_install: bool,
    /// Return when the other services are healthy, too
    #[arg(long)]
    wait: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = chosen(args, &home, &project, context)?;
    let ground = context.ground(&home, &project);
    let environment = args.leaving_out.of(project.scenario_environment(&name)?, context)?;
    let wishes = Wishes {
        services: args.only.clone(),
        fresh: args.fresh,
        build: args.build,
        no_install: args.no_install,
        ..Wishes::default()
    };
    let source = if args.empty { ScenarioSource::Empty } else { project.scenario_source(&name)? };
    let scenario = deployment(context, ground, environment, (&name, source), &wishes)?;
    let bring = Bring { name: &name, only: &args.only, is_awaited: args.wait, begins_empty: true };
    bring_up(scenario.as_ref(), bring, wishes, &project, context)
}

/// How a scenario is brought up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bring<'a> {
    pub(super) name: &'a ScenarioName,
    /// These services only, if any are named.
    pub(super) only: &'a [String],
    /// Whether they are waited for.
    pub(super) is_awaited: bool,
    /// Whether its database is empty before its file fills it.
    pub(super) begins_empty: bool,
}

/// Brings a scenario up.
pub(super) fn bring_up(
    scenario: &dyn Deployment<'_>,
    Bring { name, only, is_awaited, begins_empty }: Bring<'_>,
    mut wishes: Wishes,
    project: &Project,
    context: &Context,
) -> Result<Exit, CommandError> {
    if let Some(reason) = scenario.why_not(&wishes)?
        && scenario.has_database().is_ok()
    {
        if !only.is_empty() {
            return Err(reason.into());
        }
        // The database is what a scenario is about.
        wishes.services = scenario.database_only(false)?.services;
        let way_out = reason
            .hint()
            .map(|hint| format!("; {}", hint.render(&context.global.project_options())))
            .unwrap_or_default();
        context.progress().show(Event::Warning(format!("only the database is started: {reason}{way_out}")));
    }
    if context.global.dry_run {
        return context.show_steps(&scenario.plan_up(&wishes)?);
    }
    context.tell_way(scenario.site().home());
    let start = std::time::Instant::now();
    let up = match scenario.up(&wishes, &mut context.reporter(), &mut context.newsreader()) {
        // Here as well: what it is about can be had. Nothing was started before.
        Err(error) if NOT_HAD.contains(&error.code()) && wishes.services.is_empty() => {
            let way_out = without_it(&error);
            let text = format!("only the database is started: {error}; {way_out}");
            context.progress().show(Event::Warning(text));
            wishes.services = scenario.database_only(false)?.services;
            wishes.no_install = true;
            scenario.up(&wishes, &mut context.reporter(), &mut context.newsreader())?
        }
        up => up?,
    };
    if let Some(failure) = up.failure {
        return Err(failed(name, failure.code, up.kept, project)?);
    }
    if !up.was_up && up.filling == Filling::None && begins_empty {
        say_that_it_is_empty(context, project)?;
    }
    let Some(database) = &up.database else { return Ok(Exit::Done) };
    let took = start.elapsed();
    if is_awaited && up.has_services {
        wait(scenario, only, None, context)?;
    }
    let site = scenario.site();
    let services = if up.has_services { context.engine(site)?.services(site)? } else { Vec::new() };
    show(context, name.as_str(), (&up, &starting(&services)), database, scenario.kind(), took);
    say_names(Named::opened(site, &services, context).as_ref(), &services, context);
    Ok(Exit::Done)
}

/// How the other services come up without what could not be had.
fn without_it(error: &EngineError) -> String {
    if error.code() == INSTALL {
        return "--no-install tries none of it".to_owned();
    }
    let hint = error.hint().map(|hint| hint.render("")).unwrap_or_default();
    hint.lines().rfind(|line| line.contains("--without")).unwrap_or_default().to_owned()
}

/// Those that are not ready yet.
fn starting(services: &[ServiceReport]) -> BTreeSet<String> {
    services.iter().filter(|service| service.is_starting()).map(|service| service.name.clone()).collect()
}

/// What is told when its file has failed: migrations that nothing has run before may be why.
fn failed(
    name: &ScenarioName,
    code: u8,
    kept: bool,
    project: &Project,
) -> Result<CommandError, CommandError> {
    let line = |verb| Hint::command(&["scenario", verb, name.as_str()]);
    let error = CommandError::from(EngineError::Scenario { name: name.to_string(), code });
    let environment = project.scenario_environment(name)?;
    let missing = schema::unused(&environment.stack, project.root(), environment.for_all).into_iter();
    let missing = missing.map(|(service, tool)| {
        let way_out = tool.way_out(service.as_deref());
        Hint::from(format!("{}'s migrations were not run before: {way_out} does that", tool.name))
    });
    let error = missing.fold(error, CommandError::hint);
    if kept {
        return Ok(error.hint("the scenario that was there before runs again, as it was"));
    }
    Ok(error
        .hint(Hint::from("look at the half-filled database: ").then(line("shell")))
        .hint(Hint::from("remove it: ").then(line("down"))))
}

/// The scenario that is named, or the one that was meant.
fn chosen(
    args: &Args,
    home: &Home,
    project: &Project,
    context: &Context,
) -> Result<ScenarioName, CommandError> {
    let name = ScenarioName::parse(&args.name)?;
    if args.empty {
        return Ok(name);
    }
    let Some(near) = meant(&name, home, project)? else { return Ok(name) };
    let error = no_scenario(&name, &near).hint(
        Hint::from("an empty database of that name: ").then(Hint::command(&[
            "scenario",
            "up",
            name.as_str(),
            "--empty",
        ])),
    );
    if context.caller.can_ask && answer(&format!("There is no scenario {name}. Bring {near} up?"), context)? {
        return Ok(near);
    }
    Err(error)
}

fn show(
    context: &Context,
    name: &str,
    (up, starting): (&Started, &BTreeSet<String>),
    database: &LiveDatabase,
    engine: EngineKind,
    took: std::time::Duration,
) {
    let services = &up.published;
    if context.global.json {
        let access = &database.access;
        return render::json(&json!({
            "name": name,
            "state": "running",
            "was_running": up.was_up,
            "engine": engine.to_string(),
            "host": access.host,
            "port": access.port,
            "user": access.user,
            "database": access.database,
            "services": services
                .iter()
                .map(|(name, port)| json!({ "name": name, "port": port, "ready": !starting.contains(name) }))
                .collect::<Vec<_>>(),
            "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }));
    }
    if context.global.quiet {
        return;
    }
    let line = |verb: &str| context.line(&format!("scenario {verb} {name}"));
    let (shell, url) = (line("shell"), line("url"));
    if up.was_up {
        let anew = line("up --fresh");
        render::line(&format!("Scenario {name} is running on port {} (anew: {anew}).", database.port()));
    } else {
        let took = render::took(took);
        render::line(&format!("Scenario {name} is ready on port {} ({took}).", database.port()));
    }
    render::line(&format!("  SQL shell:  {shell}"));
    render::line(&format!("  URL:        {url}    # e.g. psql \"$({url})\""));
    for (service, port) in services {
        let still = if starting.contains(service) { "starting at " } else { "" };
        render::line(&format!("  {:<11} {still}http://127.0.0.1:{port}", format!("{service}:")));
    }
}

/// An empty database may be what was wanted, or the name was mistyped.
fn say_that_it_is_empty(context: &Context, project: &Project) -> Result<(), CommandError> {
    let names: Vec<String> = project.scenarios()?.iter().map(ToString::to_string).collect();
    let files = if names.is_empty() { String::new() } else { format!(" (there are {})", names.join(", ")) };
    let mark = context.style().faint("·");
    context
        .progress()
        .say(&format!("  {mark} no file of that name in scenarios/{files}: the database is empty"));
    Ok(())
}
