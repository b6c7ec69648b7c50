//! Becoming psql in a database of ours.

use std::ffi::OsString;

use backlot_engine::Client;
use backlot_engine::LiveDatabase;
use backlot_engine::tools;
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
    let Some(psql) = tools::psql(database.programs.as_ref(), &variables) else {
        if let Some(failure) = become_psql_in_container(args, database, context) {
            return Err(failure);
        }
        return Err(CommandError::failed("no-psql", "no psql is installed beside the server or on PATH")
            .hint("install it: apt-get install postgresql-client"));
    };
    let command: Vec<OsString> = std::iter::once(psql.into()).chain(words(args, context)).collect();
    become_command(&command, &variables, None)
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
