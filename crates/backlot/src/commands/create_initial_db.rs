//! `backlot create-initial-db`

use crate::commands::db;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Create the application's database in the chosen environment, unless it is there: the same as `backlot db create`
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, CommandError> {
    db::create(context)
}
