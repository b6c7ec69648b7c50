//! `backlot test`

use std::ffi::OsString;

use std::os::unix::process::ExitStatusExt;

use backlot_engine::{Ground, Wishes};
use backlot_engine::{INNER, TestRun, finish_for, new_mark, test_command, tools};
use backlot_process::{Program, Stdout, become_subreaper, exit_code};
use backlot_project::EnvironmentName;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// The environment of the tests, unless -e names another one.
const ENVIRONMENT: &str = "testing";

/// Run the tests on a fresh Postgres of their own, and leave nothing of it behind
///
/// The runner is what `x-backlot: {test: …}` says in the Compose file, else pytest (with coverage of `application` when
/// pytest-cov is installed), cargo nextest or cargo test. Its exit code is ours.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and options for the runner; from the first of them on, all is the runner's
    #[arg(allow_hyphen_values = true, value_name = "FILES")]
    arguments: Vec<OsString>,
    /// Leave the database up, and say how to reach it
    #[arg(long)]
    keep: bool,
    /// The command to run instead of the runner
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = context.global.environment.as_deref().unwrap_or(ENVIRONMENT);
    let name = EnvironmentName::parse(name)?;
    let environment = context.environment_named(&project, &name)?;
    let configured = environment.stack.extension.test.clone();
    let ground = context.ground(&home, &project);
    // The tests need its database alone.
    let wishes = Wishes { database_only: true, ..Wishes::default() };
    let deployment = context.deployment(ground, environment, &wishes)?;
    deployment.database_only(false)?;
    if context.global.dry_run {
        let variables = tools::with_virtual_environment(project.root(), context.caller.variables.clone());
        let runner = test_command(project.root(), &variables, configured, &args.command, &args.arguments)?;
        return context.show_steps(&TestRun::plan(deployment, args.keep, &format!("run {runner}"))?);
    }
    let mark = match context.caller.variables.get(INNER) {
        Some(mark) => mark.clone(),
        // A kept database outlives us: there is nothing to guard.
        None if args.keep => new_mark(),
        None => return guarded(ground, name.as_str(), context),
    };
    let mut report = context.reporter();
    let tests = TestRun::start(ground, deployment, args.keep, mark, &mut report)?;
    let mut variables = tests.variables();
    variables.remove(INNER);
    tools::keep_tree_clean(project.root(), &tests.scratch(), &mut variables);
    let outcome = test_command(project.root(), &variables, configured, &args.command, &args.arguments)
        .map_err(CommandError::from)
        .and_then(|command| {
            context.progress().say(&format!("  {} {command}", context.style().faint("$")));
            let command = command.envs(&variables).current_dir(project.root());
            Ok(command.run(Stdout::Ours, &context.interrupted)?)
        });
    let database = tests.database().clone();
    tests.finish(ground, &mut report)?;
    if args.keep {
        let port = database.port();
        let line = |verb: &str| context.line(&format!("-e {name} {verb}"));
        context.progress().say(&format!("the database is kept on port {port}: {}", line("db shell")));
        context.progress().say(&format!("remove it: {}", line("down")));
    }
    Ok(Exit::Child(exit_code(outcome?.status)))
}

/// Runs the same command line in a process of its own, and outlives it: however it ends, nothing of it stays.
fn guarded(ground: Ground<'_>, environment: &str, context: &Context) -> Result<Exit, CommandError> {
    become_subreaper();
    let mark = new_mark();
    let program = std::env::current_exe().map_err(|error| CommandError::failed("io", error))?;
    let caller = &context.caller;
    let inner = Program::new(program).args(caller.arguments.iter().cloned()).envs(&caller.variables);
    let inner = inner.env(INNER, &mark);
    let ended = inner.run(Stdout::Ours, &context.interrupted)?;
    if ended.status.signal().is_some() {
        finish_for(ground, environment, &mark)?;
    }
    Ok(Exit::Child(exit_code(ended.status)))
}
