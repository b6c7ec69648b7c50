//! `backlot scenario up`

use backlot_engine::native::access;
use backlot_engine::{EngineError, Filling, Up};
use backlot_process::Stdout;
use backlot_project::Project;
use serde_json::json;

use crate::commands::scenario::{native, parse_name};
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
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let name = parse_name(&args.name)?;
    let (project, home) = (context.project()?, context.home()?);
    let scenario = native(context, context.ground(&home, &project), &name)?;
    if context.global.dry_run {
        return context.show_steps(&scenario.plan_up(args.fresh)?, &[]);
    }
    let start = std::time::Instant::now();
    let stdout = if context.global.json { Stdout::OurStderr } else { Stdout::Ours };
    let up = scenario.printing_to(stdout).up(args.fresh, &mut context.reporter())?;
    if let Some(failure) = up.failure {
        return Err(CommandError::from(EngineError::Scenario { name: name.to_string(), code: failure.code })
            .hint(format!("look at the half-filled database: backlot scenario shell {name}"))
            .hint(format!("remove it: backlot scenario down {name}")));
    }
    if !up.was_up && up.record.filling == Filling::None {
        say_that_it_is_empty(context, &project)?;
    }
    show(context, &args.name, &up, start.elapsed());
    Ok(Exit::Done)
}

fn show(context: &Context, name: &str, up: &Up, took: std::time::Duration) {
    let database = &up.database;
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
