//! `backlot scenario run`

use std::ffi::OsString;

use crate::commands::run::become_command;
use crate::commands::scenario::find::{live, parse_name};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run a command in a scenario's environment; its exit code is ours
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let name = parse_name(&args.name)?;
    let (project, home) = (context.project()?, context.home()?);
    let (scenario, database) = live(context, context.ground(&home, &project), &name)?;
    become_command(&args.command, &scenario.process_variables(&database), None)
}
