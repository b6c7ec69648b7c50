//! `backlot scenario diff`

mod tables;

use std::time::Duration;

use backlot_engine::{EngineError, LiveDatabase, Site};
use backlot_postgres::Connection;
use serde_json::{Value, json};

use self::tables::{Difference, Kind, Table as Described, compare};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};
use crate::scenarios::{named, site};

/// How long a database may take to answer one question.
const LIMIT: Duration = Duration::from_mins(5);

/// What both databases say alike, however they are set up; and neither is written to, nor changes meanwhile.
const ALIKE: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; \
                     SET extra_float_digits = 1; SET search_path = pg_catalog; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Show in what two databases differ: tables, columns, and rows by their primary keys
///
/// Both are scenarios or environments that are up. What is shown of the second is against the first. Indexes, constraints, views
/// and functions are not looked at. With -v, the keys of some of the rows are shown, too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scenario, or an environment
    first: String,
    /// The other one
    second: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return context.show_steps(&[format!("compare {} with {}", args.first, args.second)]);
    }
    let (mut first, mut second) = (open(&args.first, context)?, open(&args.second, context)?);
    let task = context.progress().task("compared", format!("compare {} with {}", args.first, args.second));
    let (one, other) = (Described::all(&mut first)?, Described::all(&mut second)?);
    let mut found = Vec::new();
    for (name, pair) in tables::pairs(one, other) {
        task.tell(&format!("compare {name}"), None);
        found.extend(compare(&name, pair, &mut first, &mut second)?);
    }
    drop(task);
    if context.global.json {
        render::json(&found.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        context.progress().say(&format!("{} and {} have the same tables and rows", args.first, args.second));
        return Ok(Exit::Done);
    }
    let mut table =
        Table::new(&["TABLE", &args.first, &args.second, "ADDED", "REMOVED", "CHANGED", "COLUMNS"]);
    for difference in &found {
        table.row(cells(difference));
    }
    render::data(&table.to_string());
    for difference in found.iter().filter(|_| context.global.verbose > 0) {
        for (what, keys) in
            [("added", &difference.added), ("removed", &difference.removed), ("changed", &difference.changed)]
        {
            if !keys.examples.is_empty() {
                render::line(&format!("{}, {what}: {}", difference.name, keys.examples.join(" ")));
            }
        }
    }
    Ok(Exit::Done)
}

/// A connection to the database of a scenario or an environment that is up.
fn open(name: &str, context: &Context) -> Result<Connection, CommandError> {
    let database = database(name, context)?;
    let opened = Connection::open(&database.access, LIMIT).and_then(|mut connection| {
        connection.run(ALIKE)?;
        Ok(connection)
    });
    Ok(opened.map_err(EngineError::from)?)
}

fn database(name: &str, context: &Context) -> Result<LiveDatabase, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let environment = Site::new(&home, &project, name);
    let is_environment = project.environments().iter().any(|known| known.as_str() == name);
    let site = match named(name, &home, &project) {
        Ok(scenario) if !is_environment || site(&home, &project, &scenario).dir().exists() => {
            site(&home, &project, &scenario)
        }
        Ok(_) | Err(_) if is_environment => environment,
        Ok(scenario) => site(&home, &project, &scenario),
        Err(error) => return Err(error),
    };
    Ok(context.engine(&site)?.database(&site)?)
}

fn cells(difference: &Difference) -> Vec<String> {
    let Difference { name, kind, rows, added, removed, changed, columns } = difference;
    let count = |count: usize| if count == 0 { String::new() } else { count.to_string() };
    let (first, second) = match kind {
        Kind::Added => (String::new(), rows.1.to_string()),
        Kind::Removed => (rows.0.to_string(), String::new()),
        Kind::Changed => (rows.0.to_string(), rows.1.to_string()),
    };
    vec![
        name.clone(),
        first,
        second,
        count(added.count),
        count(removed.count),
        count(changed.count),
        match kind {
            Kind::Added => "the table is new".into(),
            Kind::Removed => "the table is gone".into(),
            Kind::Changed => columns.join(", "),
        },
    ]
}

fn in_json(difference: &Difference) -> Value {
    let Difference { name, kind, rows, added, removed, changed, columns } = difference;
    json!({
        "table": name,
        "kind": match kind {
            Kind::Added => "added",
            Kind::Removed => "removed",
            Kind::Changed => "changed",
        },
        "rows": [rows.0, rows.1],
        "added": added.count,
        "removed": removed.count,
        "changed": changed.count,
        "columns": columns,
        "examples": { "added": added.examples, "removed": removed.examples, "changed": changed.examples },
    })
}
