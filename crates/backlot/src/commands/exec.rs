//! `backlot exec`

use std::ffi::OsString;
use std::path::PathBuf;

use backlot_engine::{Beside, Exec};

use backlot_process::{Stdout, exit_code};

use crate::commands::run::{become_program, program};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run a command beside a running service: with its variables, in its directory
///
/// In that of a Postgres service, the server's own programs come first on PATH, and its address and password are set. On
/// Docker it runs in the service's first container.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Work in this directory instead
    #[arg(short = 'w', long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// No terminal between: natively there never is
    #[arg(short = 'T', long = "no-tty")]
    no_tty: bool,
    // As it is anyway, where standard input and output are a terminal.
    #[arg(short = 'i', long = "interactive", hide = true)]
    _interactive: bool,
    #[arg(short = 't', long = "tty", hide = true)]
    _tty: bool,
    /// The service
    service: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    let beside = Beside {
        service: args.service.clone(),
        command: args.command.clone(),
        directory: args.workdir.clone(),
        terminal: context.caller.can_ask && context.caller.has_terminal && !args.no_tty,
    };
    match context.engine(&site)?.exec(&site, &beside, &context.caller.variables)? {
        Exec::Here { variables, directory, view } => {
            let program = program(&args.command, &variables)?.current_dir(directory);
            let Some(view) = view else { return Err(become_program(&program)) };
            // What it does with addresses is answered by us.
            let ended = program.within(view).run(Stdout::Ours, &context.interrupted)?;
            Ok(Exit::Child(exit_code(ended.status)))
        }
        Exec::Elsewhere(program) => Err(CommandError::failed("exec", program.exec())),
    }
}
