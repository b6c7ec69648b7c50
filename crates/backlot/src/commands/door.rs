//! The hidden verb of the process that is the front door.

use std::path::PathBuf;

use backlot_engine::{Home, keep_door};
use backlot_process::Owner;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Hand requests to the services that their hosts name
#[derive(Debug, clap::Args)]
pub struct Args {
    home: PathBuf,
    listeners: u16,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = Home::at(args.home.clone(), Owner::for_postgres()?);
    keep_door(&home, args.listeners, context.caller.variables.clone())?;
    Ok(Exit::Done)
}
