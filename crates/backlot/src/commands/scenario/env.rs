//! `backlot scenario env`

use crate::commands::env::show;
use crate::commands::scenario::find::live;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::scenarios::named;

/// Print a scenario's variables as lines for a shell: eval "$(backlot scenario env NAME)"
///
/// Its secrets are among them: that is what they are printed for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = named(&args.name, &home, &project)?;
    let (scenario, database) = live(context, context.ground(&home, &project), &name)?;
    show(scenario.variables(&database), context.global.json);
    Ok(Exit::Done)
}
