//! The hidden verbs of a supervisor and of its guard.

use std::path::PathBuf;

use backlot_engine::{EngineError, Home};
use backlot_engine::{guard, supervise};
use backlot_process::Owner;

use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Run the services of an environment, as told on standard input
#[derive(Debug, clap::Args)]
pub struct Args {
    home: PathBuf,
    site: PathBuf,
}

pub fn run_guard(args: &Args) -> Result<Exit, CommandError> {
    finished(guard(&home(args)?, &args.site))
}

pub fn run_supervisor(args: &Args) -> Result<Exit, CommandError> {
    finished(supervise(&home(args)?, &args.site, &mut std::io::stdin().lock(), &mut render::line))
}

fn home(args: &Args) -> Result<Home, CommandError> {
    let owner = Owner::for_postgres()?;
    Ok(Home::at(args.home.clone(), owner))
}

fn finished(outcome: Result<(), EngineError>) -> Result<Exit, CommandError> {
    outcome?;
    Ok(Exit::Done)
}
