//! Becoming psql in a database of ours.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use backlot_engine::{Client, EngineError, LiveDatabase, Shelf, Surroundings, tools};
use backlot_process::caller_without_postgres;

use crate::commands::run::become_command;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// What psql is asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct PsqlArgs {
    /// Run this SQL (or backslash command) and end; repeatable
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub commands: Vec<String>,
    /// Arguments for psql itself
    #[arg(last = true, value_name = "PSQL ARGS")]
    pub arguments: Vec<OsString>,
}

/// Becomes psql in `database`: interactive on a terminal, else it runs what is piped to it and stops at the first error.
pub fn become_psql(
    args: &PsqlArgs,
    database: &LiveDatabase,
    context: &Context,
) -> Result<Exit, CommandError> {
    let mut variables = caller_without_postgres(&context.caller.variables);
    for (name, value) in database.access.libpq_env() {
        variables.insert(name.into(), value);
    }
    let psql = match tools::psql(database.programs.as_ref(), &variables) {
        Some(psql) => psql,
        None => match become_psql_in_container(args, database, context) {
            Some(failure) => return Err(failure),
            None => fetched_psql(context)?,
        },
    };
    let command: Vec<OsString> = std::iter::once(psql.into()).chain(words(args, context)).collect();
    become_command(&command, &variables, None)
}

/// The psql that was fetched; it is fetched where there is none.
fn fetched_psql(context: &Context) -> Result<PathBuf, CommandError> {
    let shelf = Shelf::of(&context.home()?);
    if let Some(fetched) = shelf.psql().map_err(EngineError::from)? {
        return Ok(fetched.installation.program("psql"));
    }
    let variables = context.caller.variables.clone();
    let surroundings = Surroundings::of(&match context.project() {
        Ok(project) => tools::with_virtual_environment(project.root(), variables),
        Err(_) => variables,
    });
    let order = shelf.order_psql(&surroundings).map_err(EngineError::from)?;
    context.progress().say(&format!("There is no psql beside the server or on PATH: {order}."));
    let goes_on = || !context.interrupted.load(Ordering::Relaxed);
    let fetched = shelf.fetch(&order, &surroundings, &goes_on, &mut context.reporter());
    let fetched = fetched.map_err(EngineError::from)?;
    Ok(fetched.installation.program("psql"))
}

/// What psql is told.
fn words(args: &PsqlArgs, context: &Context) -> Vec<OsString> {
    let mut words = Vec::new();
    if !context.caller.can_ask || !args.commands.is_empty() {
        words.push("--set=ON_ERROR_STOP=1".into());
    }
    for sql in &args.commands {
        words.extend(["-c".into(), sql.into()]);
    }
    words.extend(args.arguments.iter().cloned());
    words
}

/// The same with the psql of the database's container, if it is in one; returns only when that fails.
fn become_psql_in_container(
    args: &PsqlArgs,
    database: &LiveDatabase,
    context: &Context,
) -> Option<CommandError> {
    let client = Client::locate(&context.caller.variables).ok()?;
    let terminal = context.caller.can_ask && context.caller.has_terminal;
    let program = client.psql(database, terminal, &words(args, context))?;
    Some(CommandError::failed("exec", program.exec()))
}
