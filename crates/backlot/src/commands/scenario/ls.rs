//! `backlot scenario ls`

use backlot_engine::list;

use crate::commands::ls::{in_json, table};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// List the scenarios that are up in this checkout
///
/// With -q, only their names, one a line.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "list")]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let scenarios = list(&home, &project, &context.caller.variables)?;
    if context.global.json {
        render::json(&scenarios.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        for scenario in &scenarios {
            render::line(&scenario.name);
        }
        return Ok(Exit::Done);
    }
    if scenarios.is_empty() {
        let names: Vec<String> = project.scenarios()?.iter().map(ToString::to_string).collect();
        let files = if names.is_empty() {
            String::new()
        } else {
            format!("; there are files for {}", names.join(", "))
        };
        context.progress().say(&format!("no scenario is up{files}"));
        return Ok(Exit::Done);
    }
    render::data(&table("NAME", scenarios.into_iter().map(|scenario| (scenario.name.clone(), scenario))));
    Ok(Exit::Done)
}
