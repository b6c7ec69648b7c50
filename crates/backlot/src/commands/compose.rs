//! `backlot compose`

use std::ffi::OsString;

use backlot_engine::{Client, ComposeProject, EngineError, Site, apply_name_on_docker, moved, settle};

use crate::commands::run::become_program;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Run Docker Compose on the chosen environment: any verb and options of its own
///
/// It is `docker compose`, else `docker-compose`, with the environment's name, files, profiles and variables set (`-p`,
/// `-f`, `--profile`). The project's own files are used as they are. Signals and exit code are Compose's own.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Arguments for Compose
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let mut environment = context.environment(&project)?;
    context.tell_withheld(&environment);
    let client = Client::locate(&context.caller.variables).map_err(EngineError::from)?;
    // A scenario that is up has a file of its own.
    let site = Site::new(&home, &project, environment.name.as_str());
    let compose = if let Some(compose) = ComposeProject::running(&site)? {
        compose
    } else {
        let makes = makes(&args.arguments) && !context.global.dry_run;
        settle(&home, &project, &mut environment, makes)?;
        apply_name_on_docker(&home, &project, &mut environment);
        if makes {
            context.tell_ports(&moved(&home, &project, &environment));
            ComposeProject::made_for(&project, &environment, &site)?
        } else {
            ComposeProject::of(&environment)
        }
    };
    let program = client.compose_in(&compose, args.arguments.iter().cloned()).map_err(EngineError::from)?;
    if context.global.dry_run {
        return context.show_steps(&[program.to_string()]);
    }
    Err(become_program(&program))
}

/// Whether Compose makes something that is called as the environment is.
fn makes(arguments: &[OsString]) -> bool {
    const VERBS: [&str; 5] = ["build", "create", "run", "up", "watch"];
    arguments.iter().any(|argument| VERBS.iter().any(|verb| argument == verb))
}
