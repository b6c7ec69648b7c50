//! `backlot env`

use std::collections::BTreeMap;

use backlot_engine::Wishes;
use backlot_process::shell_quote;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Print the chosen environment's variables as lines for a shell: eval "$(backlot env)"
///
/// Its secrets are among them: that is what they are printed for. Its database has to be up, as its address is among them, too.
/// With direnv, `eval "$(backlot env)"` in `.envrc` has them in every shell of the project.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let environment = context.environment(&project)?;
    let plain = environment.variables.iter().map(|(name, v)| (name.to_owned(), v.value.clone())).collect();
    let deployment = context.deployment(context.ground(&home, &project), environment, &Wishes::default())?;
    let variables = match deployment.database() {
        Some(_) => deployment.variables(&deployment.running()?),
        None => plain,
    };
    show(variables, context.global.json);
    Ok(Exit::Done)
}

/// Prints variables for a shell, or for a program.
pub fn show(variables: BTreeMap<String, String>, as_json: bool) {
    if as_json {
        let object: Map<String, Value> =
            variables.into_iter().map(|(name, value)| (name, value.into())).collect();
        return render::json(&object.into());
    }
    for (name, value) in variables {
        render::line(&format!("export {name}={}", shell_quote(&value)));
    }
}
