//! `backlot scenario env`

use backlot_process::shell_quote;
use serde_json::{Map, Value};

use crate::commands::scenario::find::{live, parse_name};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Print a scenario's variables as lines for a shell: eval "$(backlot scenario env NAME)"
///
/// Its secrets are among them: that is what they are printed for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let name = parse_name(&args.name)?;
    let (project, home) = (context.project()?, context.home()?);
    let (scenario, database) = live(context, context.ground(&home, &project), &name)?;
    let variables = scenario.variables(&database);
    if context.global.json {
        let object: Map<String, Value> =
            variables.into_iter().map(|(name, value)| (name, value.into())).collect();
        render::json(&object.into());
        return Ok(Exit::Done);
    }
    for (name, value) in variables {
        render::line(&format!("export {name}={}", shell_quote(&value)));
    }
    Ok(Exit::Done)
}
