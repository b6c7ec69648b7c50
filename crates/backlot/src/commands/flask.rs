//! `backlot flask`

use std::ffi::OsString;

use crate::commands::run::{Needs, in_environment};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run flask in the chosen environment: the same as `backlot run -- flask …`
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Arguments for flask
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let command: Vec<OsString> =
        std::iter::once("flask".into()).chain(args.arguments.iter().cloned()).collect();
    // Its own help is the same whatever is in the database.
    let asks_for_help = matches!(args.arguments.as_slice(), [only] if only == "-h" || only == "--help");
    let command: Vec<OsString> = if asks_for_help { vec!["flask".into(), "--help".into()] } else { command };
    in_environment(&command, Needs { packages: true, database: !asks_for_help }, context)
}
