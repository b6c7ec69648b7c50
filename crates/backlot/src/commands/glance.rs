//! `backlot` alone: this project at a glance.

use backlot_engine::{Summary, list_all};
use backlot_project::{Project, ScenarioName};
use serde_json::json;

use crate::commands::ls::{in_json, table};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Shows what there is; where there is no project, what can be said.
pub fn run(context: &Context, command_line: fn() -> clap::Command) -> Result<Exit, CommandError> {
    let project = match context.project() {
        Ok(project) => project,
        Err(error) if error.code == NO_PROJECT && !context.global.json => {
            render::data(&command_line().render_help().to_string());
            return Ok(Exit::Done);
        }
        Err(error) => return Err(error),
    };
    let there = list_all(&context.home()?, &project, &context.caller.variables)?;
    let scenarios = project.scenarios()?;
    if context.global.json {
        let names: Vec<String> = project.environments().iter().map(ToString::to_string).collect();
        let scenarios: Vec<&str> = scenarios.iter().map(ScenarioName::as_str).collect();
        let up: Vec<_> = there.iter().map(in_json).collect();
        render::json(&json!({
            "project": project.name(), "root": project.root(), "environments": names, "scenarios": scenarios, "up": up,
        }));
        return Ok(Exit::Done);
    }
    render::line(&format!("{} in {}", project.name(), project.root().display()));
    render::line("");
    let is_up = there.iter().any(|summary| summary.environment == DEVELOPMENT);
    environments(&project, there);
    if !scenarios.is_empty() {
        let names: Vec<&str> = scenarios.iter().map(ScenarioName::as_str).collect();
        render::line(&format!("Scenarios: {}", names.join(", ")));
    }
    render::line("");
    let first = if is_up { ("ps", "how its services do") } else { ("up", "run the development environment") };
    let scenario = scenarios.first().map_or("NAME", ScenarioName::as_str);
    let scenario = format!("scenario up {scenario}");
    for (verb, what) in [
        first,
        (scenario.as_str(), "a throw-away database with chosen data"),
        ("test", "run the tests on a database of their own"),
        ("--help", "all that can be said"),
    ] {
        render::line(&format!("  {:<32} {what}", context.line(verb)));
    }
    Ok(Exit::Done)
}

/// The code of the error that there is no project.
const NO_PROJECT: &str = "project-missing";
const DEVELOPMENT: &str = "development";

/// Those that are up or have left something, and those that the project's files know besides.
fn environments(project: &Project, there: Vec<Summary>) {
    let known = project.environments();
    let down: Vec<String> = known
        .iter()
        .map(ToString::to_string)
        .filter(|name| there.iter().all(|summary| summary.environment != *name))
        .collect();
    if !there.is_empty() {
        render::data(&table(
            "ENVIRONMENT",
            there.into_iter().map(|summary| (summary.environment.clone(), summary)),
        ));
    }
    if !down.is_empty() {
        render::line(&format!("Not up: {}", down.join(", ")));
    }
}
