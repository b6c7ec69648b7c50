//! Becoming psql in a database of ours.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use backlot_engine::{Client, EngineError, LiveDatabase, Shelf, Site, Surroundings, tools};
use backlot_process::{Program, caller_without_postgres};
use backlot_project::ScenarioName;

use crate::commands::run::{become_program, program};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// The environment in which one should know where one is.
const PRODUCTION: &str = "production";

/// What psql is asked to do.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PsqlArgs {
    /// Run this SQL (or backslash command) and end; repeatable
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    pub commands: Vec<String>,
    /// Arguments for psql itself
    #[arg(last = true, value_name = "PSQL ARGS")]
    pub arguments: Vec<OsString>,
}

/// Becomes psql in `database` of the environment at `site`: interactive on a terminal, else it runs what is piped to it and stops at the
/// first error.
pub fn become_psql(
    args: &PsqlArgs,
    database: &LiveDatabase,
    site: &Site,
    context: &Context,
) -> Result<Exit, CommandError> {
    Err(become_program(&program_of(args, database, site, context)?))
}

/// That psql.
pub fn program_of(
    args: &PsqlArgs,
    database: &LiveDatabase,
    site: &Site,
    context: &Context,
) -> Result<Program, CommandError> {
    let mut variables = caller_without_postgres(&context.caller.variables);
    let words = words(args, site.name(), context);
    if is_interactive(args, context) && !variables.contains_key("PSQL_HISTORY") {
        let project = site.dir().parent().and_then(Path::file_name).unwrap_or_default();
        let history = site.home().root().join("psql").join(project).join(site.name());
        // Without it psql has the one that all its databases share.
        if make_private(history.parent().unwrap_or(&history)).is_ok() {
            variables.insert("PSQL_HISTORY".into(), history.display().to_string());
        }
    }
    for (name, value) in database.access.libpq_env() {
        variables.insert(name.into(), value);
    }
    let psql = match tools::psql(database.programs.as_ref(), &variables) {
        Some(psql) => psql,
        None => match in_container(&words, database, context) {
            Some(program) => return Ok(program),
            None => fetched_psql(context)?,
        },
    };
    let command: Vec<OsString> = std::iter::once(psql.into()).chain(words).collect();
    program(&command, &variables)
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
    context.progress().say(&format!("  · there is no psql beside the server or on PATH: {order}"));
    let goes_on = || !context.interrupted.load(Ordering::Relaxed);
    let fetched = shelf.fetch(&order, &surroundings, &goes_on, &mut context.reporter());
    let fetched = fetched.map_err(EngineError::from)?;
    Ok(fetched.installation.program("psql"))
}

/// A folder that nobody else can look into, and that is the caller's, who runs psql.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn is_interactive(args: &PsqlArgs, context: &Context) -> bool {
    context.can_have_terminal() && args.commands.is_empty()
}

/// What psql is told; at its prompt, in which database one is.
fn words(args: &PsqlArgs, environment: &str, context: &Context) -> Vec<OsString> {
    let mut words = Vec::new();
    if is_interactive(args, context) {
        let prompt = prompt(environment, context.caller.wants_colour_on_stdout);
        words.extend([1, 2].map(|number| format!("--set=PROMPT{number}={prompt}").into()));
    }
    if !context.caller.can_ask || !args.commands.is_empty() {
        words.push("--set=ON_ERROR_STOP=1".into());
    }
    for sql in &args.commands {
        words.extend(["-c".into(), sql.into()]);
    }
    words.extend(args.arguments.iter().cloned());
    words
}

/// psql's own prompt with the environment before it; production is hard to miss.
fn prompt(environment: &str, colour: bool) -> String {
    let name = match ScenarioName::of_environment(environment) {
        Some(scenario) => format!("scenario {scenario}"),
        None => environment.replace('%', "%%"),
    };
    let name = match environment {
        PRODUCTION if colour => format!("%[%033[1;31m%]{name}%[%033[0m%]"),
        _ => name,
    };
    format!("{name} %/%R%x%# ")
}

/// The same with the psql of the database's container, if it is in one.
fn in_container(words: &[OsString], database: &LiveDatabase, context: &Context) -> Option<Program> {
    let client = Client::locate(&context.caller.variables).ok()?;
    let terminal = context.caller.can_ask && context.caller.has_terminal;
    client.psql(database, terminal, words)
}

#[cfg(test)]
mod tests {
    use super::prompt;

    #[test]
    fn the_prompt_says_where_one_is() {
        assert_eq!(prompt("development", true), "development %/%R%x%# ");
        assert_eq!(prompt("scenario_users", false), "scenario users %/%R%x%# ");
        assert_eq!(prompt("production", true), "%[%033[1;31m%]production%[%033[0m%] %/%R%x%# ");
    }
}
