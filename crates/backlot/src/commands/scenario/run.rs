//! `backlot scenario run`

use std::ffi::OsString;

use backlot_engine::{Packages, own, tools};

use crate::commands::run::{become_command, own_packages};
use crate::commands::scenario::find::live;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::scenarios::named;

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
    let (project, home) = (context.project()?, context.home()?);
    let name = named(&args.name, &home, &project)?;
    let (scenario, database) = live(context, context.ground(&home, &project), &name)?;
    let environment = context.environment(&project)?;
    let own = own::only(&environment.stack, project.root());
    let (_, packages) = own_packages(scenario.as_ref(), own.as_ref(), false);
    let mut variables = scenario.process_variables(&database);
    if let Some(own) = own.as_ref().filter(|_| !environment.for_all) {
        variables = tools::with_virtual_environment(&own.directory(), variables);
    }
    become_command(&args.command, &Packages::in_front(&packages, variables), None)
}
