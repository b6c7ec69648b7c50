//! `backlot scenario logs`

use crate::commands::logs;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::scenarios::{named, site};

/// Show what the services of a scenario have printed
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// The scenario's name
    name: String,
    #[command(flatten)]
    logs: logs::Args,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let site = site(&home, &project, &named(&args.name, &home, &project)?);
    logs::of_site(&args.logs, &project, &site, context)
}
