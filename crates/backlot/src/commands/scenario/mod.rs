//! `backlot scenario`: throw-away databases with chosen data.

mod down;
mod env;
mod find;
mod ls;
mod run;
mod shell;
mod up;
mod url;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Throw-away databases on their own ports, each filled by a small file of the project
///
/// The file of the scenario NAME is `scenarios/NAME.py` (a module with `run()`), `NAME.sql`, `NAME.rs` (a cargo example),
/// an executable `NAME` or `NAME.sh`, or a folder `NAME/` of `.sql` and `.csv` files. Without one, the database is empty.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Up(up::Args),
    Ls(ls::Args),
    Shell(shell::Args),
    Url(url::Args),
    Env(env::Args),
    Run(run::Args),
    Down(down::Args),
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::Up(args) => up::run(&args, context),
        Command::Ls(args) => ls::run(&args, context),
        Command::Shell(args) => shell::run(&args, context),
        Command::Url(args) => url::run(&args, context),
        Command::Env(args) => env::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Down(args) => down::run(&args, context),
    }
}
