//! A scenario by its name: its place, its stack, its database.

use backlot_engine::{Deployment, EngineError, Ground, Hint, Home, LiveDatabase, Purpose, Site, Wishes};
use backlot_process::Stdout;
use backlot_project::{Environment, Project, ScenarioName};

use crate::context::Context;
use crate::error::CommandError;

/// A scenario that an option names.
pub(super) fn parse_name(name: &str) -> Result<ScenarioName, CommandError> {
    Ok(ScenarioName::parse(name)?)
}

/// The place of a scenario on disk.
pub(super) fn site(home: &Home, project: &Project, name: &ScenarioName) -> Site {
    Site::new(home, project, name.environment_name().as_str())
}

/// The database of a scenario that is up.
pub(super) fn database_of(context: &Context, name: &ScenarioName) -> Result<LiveDatabase, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let site = site(&home, &project, name);
    context.engine(&site)?.database(&site).map_err(|error| with_way_up(error, name))
}

/// Adds the line that brings the scenario up to the error that it is not.
fn with_way_up(error: EngineError, name: &ScenarioName) -> CommandError {
    let is_down = matches!(error, EngineError::NotUp { .. });
    let error = CommandError::from(error);
    if is_down { error.hint(Hint::command(&["scenario", "up", name.as_str()])) } else { error }
}

/// The scenario that runs, as the project's files have it, and its database.
pub(super) fn live<'a>(
    context: &Context,
    ground: Ground<'a>,
    name: &ScenarioName,
) -> Result<(Box<dyn Deployment<'a> + 'a>, LiveDatabase), CommandError> {
    let environment = ground.project.scenario_environment(name)?;
    let scenario = deployment(context, ground, environment, name, &Wishes::default())?;
    let database = scenario.running().map_err(|error| with_way_up(error, name))?;
    Ok((scenario, database))
}

/// The scenario on the engine that is to run it.
pub(super) fn deployment<'a>(
    context: &Context,
    ground: Ground<'a>,
    environment: Environment,
    name: &ScenarioName,
    wishes: &Wishes,
) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
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
    let stdout = if context.global.json { Stdout::OurStderr } else { Stdout::Ours };
    Ok(deployment.meant_for(Purpose::Scenario { name: name.clone(), source, stdout }))
}
