//! `backlot scenario shell`

use crate::commands::psql;
use crate::commands::scenario::find::database_of;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Open psql in a scenario's database, or run SQL in it
///
/// With -c, or with SQL piped to it, it runs that and stops at the first error; psql's exit code is ours.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "psql")]
pub struct Args {
    /// The scenario's name
    name: String,
    #[command(flatten)]
    psql: psql::PsqlArgs,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (site, database) = database_of(context, &args.name)?;
    psql::become_psql(&args.psql, &database, &site, context)
}
