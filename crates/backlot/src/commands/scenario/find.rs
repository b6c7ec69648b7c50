//! A scenario by its name: its place, its stack, its database.

use backlot_engine::{Deployment, EngineError, Ground, Hint, LiveDatabase, Purpose, Site, Wishes};
use backlot_process::Stdout;
use backlot_project::{Environment, ScenarioName, ScenarioSource};

use crate::context::Context;
use crate::error::CommandError;
use crate::scenarios::{named, site};

/// The place and the database of a scenario that is up.
pub(super) fn database_of(context: &Context, name: &str) -> Result<(Site, LiveDatabase), CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = &named(name, &home, &project)?;
    let site = site(&home, &project, name);
    let database = context.engine(&site)?.database(&site).map_err(|error| with_way_up(error, name))?;
    Ok((site, database))
}

/// Adds the line that brings the scenario up to the error that its server is gone.
pub(super) fn with_way_up(error: EngineError, name: &ScenarioName) -> CommandError {
    let is_gone = matches!(error, EngineError::NotUp { exists: true, .. });
    let error = CommandError::from(error);
    if is_gone { error.hint(Hint::command(&["scenario", "up", name.as_str()])) } else { error }
}

/// The scenario that runs, as the project's files have it, and its database.
pub(super) fn live<'a>(
    context: &Context,
    ground: Ground<'a>,
    name: &ScenarioName,
) -> Result<(Box<dyn Deployment<'a> + 'a>, LiveDatabase), CommandError> {
    let environment = ground.project.scenario_environment(name)?;
    let source = ground.project.scenario_source(name)?;
    let scenario = deployment(context, ground, environment, (name, source), &Wishes::default())?;
    let database = scenario.running().map_err(|error| with_way_up(error, name))?;
    Ok((scenario, database))
}

/// The scenario on the engine that is to run it.
pub(super) fn deployment<'a>(
    context: &Context,
    ground: Ground<'a>,
    environment: Environment,
    (name, source): (&ScenarioName, ScenarioSource),
    wishes: &Wishes,
) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
    deployment_from(context, ground, environment, (name, source, None), wishes)
}

/// The same, with the data that another environment has now.
pub(super) fn deployment_from<'a>(
    context: &Context,
    ground: Ground<'a>,
    environment: Environment,
    (name, source, from): (&ScenarioName, ScenarioSource, Option<Site>),
    wishes: &Wishes,
) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
    let file = environment.files.last().cloned();
    let deployment = context.deployment(ground, environment, wishes)?;
    // What else is wrong with it is told with all that is in the way.
    if matches!(deployment.has_database(), Ok(false)) {
        let error = "the scenario's stack has no Postgres service";
        let hint =
            file.map_or_else(String::new, |file| format!("; this stack is that of {}", file.display()));
        return Err(CommandError::failed("no-database", error)
            .hint(format!("give it a service with `image: postgres`{hint}")));
    }
    let stdout = if context.global.json { Stdout::OurStderr } else { Stdout::Ours };
    Ok(deployment.meant_for(Purpose::Scenario { name: name.clone(), source, stdout, from }))
}
