//! `backlot scenario up`

use backlot_engine::{EngineError, EngineKind, Event, Filling, Hint, LiveDatabase, Started, Wishes};
use backlot_project::Project;
use serde_json::json;

use crate::commands::scenario::find::{deployment, parse_name};
use crate::commands::up::wait;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Bring a scenario up: its own Postgres on its own free port, filled by its file
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    /// The scenario's name
    name: String,
    /// Make it anew, whatever is there
    #[arg(long)]
    fresh: bool,
    /// Start these services only, with all that they depend on; `--only db` for the database alone (repeatable)
    #[arg(long, value_name = "SERVICE")]
    only: Vec<String>,
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
    let name = parse_name(&args.name)?;
    let (project, home) = (context.project()?, context.home()?);
    let ground = context.ground(&home, &project);
    let environment = project.scenario_environment(&name)?;
    let mut wishes = Wishes {
        services: args.only.clone(),
        fresh: args.fresh,
        build: args.build,
        no_install: args.no_install,
        ..Wishes::default()
    };
    let scenario = deployment(context, ground, environment, &name, &wishes)?;
    if let Some(reason) = scenario.why_not(&wishes)? {
        if !args.only.is_empty() {
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
    let start = std::time::Instant::now();
    let up = match scenario.up(&wishes, &mut context.reporter(), &mut context.newsreader()) {
        // Here as well: what it is about can be had. Nothing was started before.
        Err(error) if error.code() == "install" && wishes.services.is_empty() => {
            let text = format!("only the database is started: {error}; --no-install tries none of it");
            context.progress().show(Event::Warning(text));
            wishes.services = scenario.database_only(false)?.services;
            wishes.no_install = true;
            scenario.up(&wishes, &mut context.reporter(), &mut context.newsreader())?
        }
        up => up?,
    };
    if let Some(failure) = up.failure {
        let line = |verb| Hint::command(&["scenario", verb, name.as_str()]);
        return Err(CommandError::from(EngineError::Scenario { name: name.to_string(), code: failure.code })
            .hint(Hint::from("look at the half-filled database: ").then(line("shell")))
            .hint(Hint::from("remove it: ").then(line("down"))));
    }
    if !up.was_up && up.filling == Filling::None {
        say_that_it_is_empty(context, &project)?;
    }
    let Some(database) = &up.database else { return Ok(Exit::Done) };
    let took = start.elapsed();
    if args.wait && up.has_services {
        wait(scenario.as_ref(), &args.only, context)?;
    }
    show(context, &args.name, &up, database, scenario.kind(), took);
    Ok(Exit::Done)
}

fn show(
    context: &Context,
    name: &str,
    up: &Started,
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
            "services": services.iter().map(|(name, port)| json!({ "name": name, "port": port })).collect::<Vec<_>>(),
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
        render::line(&format!("  {:<11} http://127.0.0.1:{port}", format!("{service}:")));
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
