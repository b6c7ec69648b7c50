//! `backlot db`

use backlot_engine::{Deployment, EngineError, Home, LiveDatabase, Wishes};
use backlot_plan::Storage;
use backlot_postgres::{Connection, Creation};
use backlot_project::Project;
use serde_json::json;

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
            render::url(&server(context)?.access.url(), context.global.json);
            Ok(Exit::Done)
        }
        Command::Shell(args) => {
            let (_, site) = context.project_and_site()?;
            psql::become_psql(&args, &server(context)?, &site, context)
        }
        Command::Create => create(context),
        Command::Drop { yes } => drop(yes, context),
    }
}

/// What would be done: the steps that start the server, and the verb's own.
fn dry_run(command: &Command, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let deployment = deployment(context, &project, &home)?;
    let name = deployment.database().map(|database| database.application.clone()).unwrap_or_default();
    let then = match command {
        Command::Url => format!("print the URL of the database {name}"),
        Command::Shell(_) => format!("run psql in the database {name}"),
        Command::Create => format!("create the database {name}, unless it is there"),
        Command::Drop { .. } => format!("drop the database {name}, if it is there"),
    };
    let mut steps = deployment.plan_up(&deployment.database_only(false)?)?;
    steps.push(then);
    context.show_steps(&steps)
}

/// Creates the application's database.
pub fn create(context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return dry_run(&Command::Create, context);
    }
    let server = server(context)?;
    let created = maintenance(&server)
        .and_then(|mut connection| connection.create_database(server.database()))
        .map_err(EngineError::from)?;
    let name = server.database();
    if context.global.json {
        render::json(&json!({ "database": name, "created": created == Creation::Created }));
    }
    context.progress().say(&match created {
        Creation::Created => format!("database {name} created"),
        Creation::AlreadyThere => format!("database {name} already exists, nothing to do"),
    });
    Ok(Exit::Done)
}

fn drop(yes: bool, context: &Context) -> Result<Exit, CommandError> {
    let server = server(context)?;
    let name = server.database();
    if server.volume.is_some() {
        confirm(&format!("Drop the database {name} with all that is in it?"), yes, context)?;
    }
    let dropped = maintenance(&server)
        .and_then(|mut connection| connection.drop_database(name))
        .map_err(EngineError::from)?;
    if context.global.json {
        render::json(&json!({ "database": name, "dropped": dropped }));
    }
    let said = if dropped { "dropped" } else { "does not exist, nothing to do" };
    context.progress().say(&format!("database {name} {said}"));
    Ok(Exit::Done)
}

/// A connection from which the application's database can be created and dropped.
fn maintenance(server: &LiveDatabase) -> Result<Connection, backlot_postgres::DatabaseError> {
    Connection::open(&server.access.with_database("postgres"), LIMIT)
}

/// The server of the chosen environment, up.
fn server(context: &Context) -> Result<LiveDatabase, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let deployment = deployment(context, &project, &home)?;
    let name = context.environment_name()?;
    let throwaway = deployment.database().is_some_and(|database| database.storage == Storage::Throwaway);
    let (database, up) = deployment.up_database(false, &mut context.reporter())?;
    if !up.was_up && throwaway && context.global.verbose > 0 {
        let down = context.line(&format!("-e {name} down"));
        context.progress().say(&format!("{name} has no volume: its data goes with `{down}`"));
    }
    Ok(database)
}

/// The chosen environment, which has to have a database.
fn deployment<'a>(
    context: &'a Context,
    project: &'a Project,
    home: &'a Home,
) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
    let environment = context.environment(project)?;
    let deployment = context.deployment(context.ground(home, project), environment, &Wishes::default())?;
    // Without one, this is the error that says so.
    deployment.database_only(false)?;
    Ok(deployment)
}
