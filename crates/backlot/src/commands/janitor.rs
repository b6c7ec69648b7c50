//! The hidden verb of the process that tidies up after a killed `backlot test`.

use std::path::PathBuf;

use backlot_engine::Home;
use backlot_engine::tidy_up_after;
use backlot_process::Owner;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Wait for the end of standard input, then tidy up
#[derive(Debug, clap::Args)]
pub struct Args {
    home: PathBuf,
    site: PathBuf,
    mark: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let owner = Owner::for_postgres()?;
    let home = Home::at(args.home.clone(), owner);
    let caller = &context.caller.variables;
    tidy_up_after(&home, &args.site, &args.mark, caller, &mut std::io::stdin().lock())?;
    Ok(Exit::Done)
}
