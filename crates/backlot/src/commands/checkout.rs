//! The hidden verb of the process that looks whether a worktree is still there.

use std::path::PathBuf;

use backlot_engine::{Home, look_after};
use backlot_process::Owner;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Stop an environment when its worktree goes
#[derive(Debug, clap::Args)]
pub struct Args {
    home: PathBuf,
    site: PathBuf,
    root: PathBuf,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = Home::at(args.home.clone(), Owner::for_postgres()?);
    look_after(&home, &args.site, &args.root, &context.caller.variables)?;
    Ok(Exit::Done)
}
