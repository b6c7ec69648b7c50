//! `backlot scenario up`

use backlot_engine::native::{Started, Whole, Wishes, access};
use backlot_engine::{DatabaseRecord, EngineError, Event, Filling};
use backlot_process::Stdout;
use backlot_project::Project;
use serde_json::json;

use crate::commands::scenario::{native_of, parse_name};
use crate::commands::up::wait;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Bring a scenario up: its own Postgres on its own free port, filled by its file
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
    /// Make it anew, whatever is there
    #[arg(long)]
    fresh: bool,
    /// Start these services only, with all that they depend on; `--only db` for the database alone (repeatable)
    #[arg(long, value_name = "SERVICE")]
    only: Vec<String>,
    /// Return when the other services are healthy, too
    #[arg(long)]
    wait: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let name = parse_name(&args.name)?;
    let (project, home) = (context.project()?, context.home()?);
    let ground = context.ground(&home, &project);
    let environment = project.scenario_environment(&name)?;
    let stdout = if context.global.json { Stdout::OurStderr } else { Stdout::Ours };
    let scenario = native_of(context, ground, environment.clone(), &name)?.printing_to(stdout);
    let database = scenario.database().service.clone();
    let whole = Whole::new(ground, environment, Some(scenario));
    let mut wishes = Wishes { services: args.only.clone(), fresh: args.fresh, ..Wishes::default() };
    if let Some(reason) = whole.obstacle(&wishes)? {
        if !args.only.is_empty() {
            return Err(EngineError::from(reason).into());
        }
        // The database is what a scenario is about.
        wishes.services = vec![database];
        let way_out = reason.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        context.progress().show(Event::Warning(format!("only the database is started: {reason}{way_out}")));
    }
    if context.global.dry_run {
        let (steps, then) = whole.plan_up(&wishes)?;
        return context.show_steps(&steps, &then);
    }
    let start = std::time::Instant::now();
    let up = whole.up(&wishes, &mut context.reporter(), &mut context.newsreader())?;
    if let Some(failure) = up.failure {
        return Err(CommandError::from(EngineError::Scenario { name: name.to_string(), code: failure.code })
            .hint(format!("look at the half-filled database: backlot scenario shell {name}"))
            .hint(format!("remove it: backlot scenario down {name}")));
    }
    if !up.was_up && up.filling == Filling::None {
        say_that_it_is_empty(context, &project)?;
    }
    let Some(database) = &up.database else { return Ok(Exit::Done) };
    let took = start.elapsed();
    if args.wait && up.runbook.is_some() {
        wait(&whole, &args.only, context)?;
    }
    show(context, &args.name, &up, database, took);
    Ok(Exit::Done)
}

fn show(context: &Context, name: &str, up: &Started, database: &DatabaseRecord, took: std::time::Duration) {
    let services: Vec<(&str, u16, String)> = up
        .runbook
        .iter()
        .flat_map(|runbook| {
            let beside = runbook.services.iter().filter(|service| service.name != database.service);
            beside.flat_map(|service| {
                let ports = service.process().ports.iter().filter(|port| port.published);
                ports.map(|port| {
                    let url = port.protocol.url(&format!("127.0.0.1:{}", port.endpoint));
                    (service.name.as_str(), port.endpoint, url)
                })
            })
        })
        .collect();
    if context.global.json {
        let access = access(database);
        return render::json(&json!({
            "name": name,
            "state": "running",
            "was_running": up.was_up,
            "engine": "native",
            "host": access.host,
            "port": database.port,
            "user": database.user,
            "database": database.database,
            "services": services.iter().map(|(name, port, _)| json!({ "name": name, "port": port })).collect::<Vec<_>>(),
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
        render::line(&format!("Scenario {name} is running on port {} (anew: {anew}).", database.port));
    } else {
        let took = render::took(took);
        render::line(&format!("Scenario {name} is ready on port {} ({took}).", database.port));
    }
    render::line(&format!("  SQL shell:  {shell}"));
    render::line(&format!("  URL:        {url}    # e.g. psql \"$({url})\""));
    for (service, _, url) in services {
        render::line(&format!("  {:<11} {url}", format!("{service}:")));
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
