//! `backlot scenario`: throw-away databases with chosen data.

mod diff;
mod down;
mod env;
mod find;
mod fork;
mod logs;
mod ls;
mod new;
mod reset;
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
    New(new::Args),
    Up(up::Args),
    Reset(reset::Args),
    Fork(fork::Args),
    Ls(ls::Args),
    Shell(shell::Args),
    Url(url::Args),
    Env(env::Args),
    Logs(logs::Args),
    Run(run::Args),
    Diff(diff::Args),
    Down(down::Args),
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::New(args) => new::run(&args, context),
        Command::Up(args) => up::run(&args, context),
        Command::Reset(args) => reset::run(&args, context),
        Command::Fork(args) => fork::run(&args, context),
        Command::Ls(args) => ls::run(&args, context),
        Command::Shell(args) => shell::run(&args, context),
        Command::Url(args) => url::run(&args, context),
        Command::Env(args) => env::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Diff(args) => diff::run(&args, context),
        Command::Down(args) => down::run(&args, context),
    }
}
