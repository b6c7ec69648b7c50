//! `backlot scenario url`

use crate::commands::scenario::find::database_of;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Print the URL of a scenario's database, password included, and nothing else
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, database) = database_of(context, &args.name)?;
    render::url(&database.access.url(), context.global.json);
    Ok(Exit::Done)
}
