//! `backlot scenario`: throw-away databases with chosen data.

mod down;
mod env;
mod ls;
mod run;
mod shell;
mod up;
mod url;

use backlot_engine::{Deployment, EngineError, Home, LiveDatabase, Site, Wishes};
use backlot_project::{Environment, Project, ScenarioName};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Throw-away databases on their own ports, each filled by a small file of the project
///
/// The file of the scenario NAME is `scenarios/NAME.py` (a module with `run()`), `NAME.sql`, `NAME.rs` (a cargo example),
/// an executable `NAME` or `NAME.sh`, or a folder `NAME/` of `.sql` and `.csv` files. Without one, the database is empty.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Up(up::Args),
    Ls(ls::Args),
    Shell(shell::Args),
    Url(url::Args),
    Env(env::Args),
    Run(run::Args),
    Down(down::Args),
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::Up(args) => up::run(&args, context),
        Command::Ls(args) => ls::run(&args, context),
        Command::Shell(args) => shell::run(&args, context),
        Command::Url(args) => url::run(&args, context),
        Command::Env(args) => env::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Down(args) => down::run(&args, context),
    }
}

/// A scenario that an option names.
fn parse_name(name: &str) -> Result<ScenarioName, CommandError> {
    ScenarioName::parse(name).map_err(|error| CommandError::usage("name-invalid", error))
}

/// The place of a scenario on disk.
fn site(home: &Home, project: &Project, name: &ScenarioName) -> Site {
    Site::new(home, project, name.environment_name().as_str())
}

/// The database of a scenario that is up.
fn database_of(context: &Context, name: &ScenarioName) -> Result<LiveDatabase, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let site = site(&home, &project, name);
    context.engine(&site)?.database(&site).map_err(|error| with_way_up(error, name))
}

/// Adds the line that brings the scenario up to the error that it is not.
fn with_way_up(error: EngineError, name: &ScenarioName) -> CommandError {
    let is_down = matches!(error, EngineError::NotUp { .. });
    let error = CommandError::from(error);
    if is_down { error.hint(format!("backlot scenario up {name}")) } else { error }
}

/// The scenario that runs, as the project's files have it, and its database.
fn live<'a>(
    context: &Context,
    ground: backlot_engine::Ground<'a>,
    name: &ScenarioName,
) -> Result<(Deployment<'a>, LiveDatabase), CommandError> {
    let environment = ground.project.scenario_environment(name)?;
    let scenario = deployment(context, ground, environment, name, &Wishes::default())?;
    let database = scenario.running().map_err(|error| with_way_up(error, name))?;
    Ok((scenario, database))
}

/// The scenario on the engine that is to run it.
fn deployment<'a>(
    context: &Context,
    ground: backlot_engine::Ground<'a>,
    environment: Environment,
    name: &ScenarioName,
    wishes: &Wishes,
) -> Result<Deployment<'a>, CommandError> {
    let source = ground.project.scenario_source(name)?;
    let file = environment.files.last().cloned();
    let deployment = context.deployment(ground, environment, wishes)?;
    if deployment.database().is_none() {
        let error = "the scenario's stack has no Postgres service";
        let hint =
            file.map_or_else(String::new, |file| format!("; this stack is that of {}", file.display()));
        return Err(CommandError::failed("no-database", error)
            .hint(format!("give it a service with `image: postgres`{hint}")));
    }
    Ok(deployment.as_scenario(name.clone(), source))
}
