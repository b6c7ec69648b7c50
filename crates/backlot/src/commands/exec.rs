//! `backlot exec`

use std::ffi::OsString;
use std::path::PathBuf;

use backlot_engine::{Beside, Exec};

use backlot_process::{Program, Stdout, exit_code};

use crate::commands::run::{become_program, cannot_run, program};
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
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
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
    beside(context, &args.service, |_| Beside {
        service: args.service.clone(),
        command: args.command.clone(),
        directory: args.workdir.clone(),
        terminal: context.can_have_terminal() && !args.no_tty,
        no_install: true,
        variables: context
            .global
            .variables()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        ..Beside::default()
    })
}

/// Runs a command beside a running service; which one may depend on whether that runs in a container.
pub fn beside(
    context: &Context,
    service: &str,
    command: impl FnOnce(bool) -> Beside,
) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    let engine = context.engine(&site)?;
    let beside = command(engine.is_contained(&site, service));
    let exec = engine.exec(&site, &beside, &context.caller.variables)?;
    carry_out(exec, &beside.command, context)
}

/// Runs a command as an engine says, on our terminal; its exit code is ours.
pub fn carry_out(exec: Exec, command: &[OsString], context: &Context) -> Result<Exit, CommandError> {
    match exec {
        Exec::Here { variables, directory, view } => {
            let program = program(command, &variables)?.current_dir(directory);
            match view {
                // What it does with addresses is answered by us.
                Some(view) => as_child(&program.within(view), context),
                None => Err(become_program(&program)),
            }
        }
        Exec::Child(program) => as_child(&program, context),
        Exec::Contained { client, container } => {
            Ok(Exit::Child(container.run(&client, &context.interrupted)?))
        }
        Exec::Elsewhere(program) => Err(cannot_run(program.exec())),
    }
}

fn as_child(program: &Program, context: &Context) -> Result<Exit, CommandError> {
    let ended = program.run(Stdout::Ours, &context.interrupted).map_err(cannot_run)?;
    Ok(Exit::Child(exit_code(ended.status)))
}
