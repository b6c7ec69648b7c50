//! `backlot run`

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use backlot_engine::{Hint, Wishes, tools};
use backlot_process::{Program, caller_without_postgres, shell_quote};

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run a command in the chosen environment, with its database up
///
/// The command gets the environment's variables, with the database's real address, on top of the caller's own. Its exit
/// code is ours.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    in_environment(&args.command, context)
}

/// Brings the chosen environment's database up and becomes `command` in it.
pub fn in_environment(command: &[OsString], context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let environment = context.environment(&project)?;
    let own: Vec<_> =
        environment.variables.iter().map(|(name, v)| (name.to_owned(), v.value.clone())).collect();
    let name = environment.name.to_string();
    let services: BTreeSet<String> = environment.stack.services.keys().cloned().collect();
    let deployment = context.deployment(context.ground(&home, &project), environment, &Wishes::default())?;
    let has_database = deployment.database().is_some();
    let service = command.iter().filter_map(|word| word.to_str()).find(|word| services.contains(*word));
    if context.global.dry_run {
        let mut steps =
            if has_database { deployment.plan_up(&deployment.database_only(false)?)? } else { Vec::new() };
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let words: Vec<_> = words.iter().map(|word| shell_quote(word)).collect();
        steps.push(format!("run {}", words.join(" ")));
        return context.show_steps(&steps);
    }
    let variables = if has_database {
        let (database, _) = deployment.up_database(false, &mut context.reporter())?;
        deployment.process_variables(&database)
    } else {
        // No Postgres of ours: the variables are as the files have them.
        let mut all = caller_without_postgres(&context.caller.variables);
        all.extend(own);
        all.insert("APPLICATION_CONFIG".into(), name);
        tools::with_virtual_environment(project.root(), all)
    };
    become_command(command, &variables).map_err(|failure| {
        match service.filter(|_| failure.code == "no-program") {
            Some(service) => {
                let way = Hint::from("`").then(Hint::command(&["exec", service, "…"]));
                failure.hint(way.then(format!("` runs a command beside service {service}")))
            }
            None => failure,
        }
    })
}

/// Replaces this process by `command`; returns only when that fails.
pub fn become_command(
    command: &[OsString],
    variables: &BTreeMap<String, String>,
) -> Result<Exit, CommandError> {
    Err(become_program(&program(command, variables)?))
}

/// Replaces this process by a program; returns only when that fails.
pub fn become_program(program: &Program) -> CommandError {
    let mut failure = CommandError::failed("exec", program.exec());
    failure.exit = Exit::Child(126);
    failure
}

/// The program of a command of the user's.
pub fn program(command: &[OsString], variables: &BTreeMap<String, String>) -> Result<Program, CommandError> {
    let Some((name, arguments)) = command.split_first() else {
        return Err(CommandError::usage("no-command", "no command was given"));
    };
    let path = if name.to_string_lossy().contains('/') {
        Some(name.into())
    } else {
        tools::on_path(&name.to_string_lossy(), variables)
    };
    let Some(path) = path else {
        let error = format!("no program {} is on PATH", name.to_string_lossy());
        let mut failure = CommandError::failed("no-program", error);
        failure.exit = Exit::Child(127);
        if name.to_string_lossy().starts_with('-') {
            failure =
                failure.hint("the command begins here: the options of `docker compose run` are not known");
        }
        return Err(failure);
    };
    Ok(Program::new(path).args(arguments).envs(variables))
}
