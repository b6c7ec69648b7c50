//! `backlot db`

use backlot_engine::native::access;
use backlot_engine::{DatabaseRecord, EngineError, Home, Native};
use backlot_plan::Storage;
use backlot_postgres::{Connection, Creation};
use backlot_project::Project;

use crate::commands::down::confirm;
use crate::commands::psql;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// How long a database may take to answer.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// The application's database in the chosen environment; its server is started when it does not run
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print its URL, password included, and nothing else
    Url,
    /// Open psql in it, or run SQL in it
    Shell(psql::PsqlArgs),
    /// Create it, unless it is there
    Create,
    /// Drop it
    Drop {
        /// Do not ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return dry_run(&command, context);
    }
    match command {
        Command::Url => {
            render::url(&access(&server(context)?).url(), context.global.json);
            Ok(Exit::Done)
        }
        Command::Shell(args) => psql::become_psql(&args, &server(context)?, context),
        Command::Create => create(context),
        Command::Drop { yes } => drop(yes, context),
    }
}

/// What would be done: the steps that start the server, and the verb's own.
fn dry_run(command: &Command, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let native = native(context, &project, &home)?;
    let name = &native.database().application;
    let then = match command {
        Command::Url => format!("print the URL of the database {name}"),
        Command::Shell(_) => format!("run psql in the database {name}"),
        Command::Create => format!("create the database {name}, unless it is there"),
        Command::Drop { .. } => format!("drop the database {name}, if it is there"),
    };
    context.show_steps(&native.plan_up(false)?, &[then])
}

/// Creates the application's database.
pub fn create(context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return dry_run(&Command::Create, context);
    }
    let server = server(context)?;
    let created = maintenance(&server)
        .and_then(|mut connection| connection.create_database(&server.database))
        .map_err(EngineError::from)?;
    let name = &server.database;
    context.progress().say(&match created {
        Creation::Created => format!("database {name} created"),
        Creation::AlreadyThere => format!("database {name} already exists, nothing to do"),
    });
    Ok(Exit::Done)
}

fn drop(yes: bool, context: &Context) -> Result<Exit, CommandError> {
    let server = server(context)?;
    let name = &server.database;
    if server.volume.is_some() {
        confirm(&format!("Drop the database {name} with all that is in it?"), yes, context)?;
    }
    let dropped = maintenance(&server)
        .and_then(|mut connection| connection.drop_database(name))
        .map_err(EngineError::from)?;
    let said = if dropped { "dropped" } else { "does not exist, nothing to do" };
    context.progress().say(&format!("database {name} {said}"));
    Ok(Exit::Done)
}

/// A connection from which the application's database can be created and dropped.
fn maintenance(server: &DatabaseRecord) -> Result<Connection, backlot_postgres::DatabaseError> {
    Connection::open(&access(server).with_database("postgres"), LIMIT)
}

/// The server of the chosen environment, up.
fn server(context: &Context) -> Result<DatabaseRecord, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let native = native(context, &project, &home)?;
    let name = context.environment_name()?;
    let throwaway = native.database().storage == Storage::Throwaway;
    let up = native.up(false, &mut context.reporter())?;
    if !up.was_up && throwaway && context.global.verbose > 0 {
        context.progress().say(&format!("{name} has no volume: its data goes with `backlot -e {name} down`"));
    }
    Ok(up.database)
}

/// The chosen environment, which has to have a database.
fn native<'a>(
    context: &'a Context,
    project: &'a Project,
    home: &'a Home,
) -> Result<Native<'a>, CommandError> {
    let environment = context.environment(project)?;
    let name = environment.name.clone();
    context.native(context.ground(home, project), environment)?.ok_or_else(|| {
        CommandError::failed("no-database", format!("the stack of {name} has no Postgres service"))
    })
}
