//! The hidden verb of the process that makes spares.

use std::path::PathBuf;

use backlot_engine::fill_up;
use backlot_engine::{EngineError, Home};
use backlot_process::Owner;

use crate::error::CommandError;
use crate::exit::Exit;

/// Clone a template ahead of need
#[derive(Debug, clap::Args)]
pub struct Args {
    home: PathBuf,
    template: String,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let owner = Owner::for_postgres()?;
    fill_up(&Home::at(args.home.clone(), owner), &args.template).map_err(EngineError::from)?;
    Ok(Exit::Done)
}
