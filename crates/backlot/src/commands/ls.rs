//! `backlot ls`

use backlot_engine::{Row, Summary, list_all, list_machine};
use serde_json::json;

use crate::commands::format::Format;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the environments of this checkout that are up, and what killed commands have left over
///
/// With --all, those of this machine, with their projects and branches: also those that are down and have data that is kept, and what
/// is an orphan, as its checkout is not where it was (see `adopt`). With -q only their names, one a line.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "list")]
pub struct Args {
    /// All of this machine
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    format: Format,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    if args.all {
        return run_all(args, context);
    }
    let (project, home) = (context.project()?, context.home()?);
    let all = list_all(&home, &project, &context.caller.variables)?;
    if args.format.is_json(context) {
        render::json(&all.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        let names: Vec<String> = all.into_iter().map(|summary| summary.environment).collect();
        render::names(&names, false);
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        context.progress().say("nothing is up");
        return Ok(Exit::Done);
    }
    render::data(&table(
        "ENVIRONMENT",
        all.into_iter().map(|summary| (summary.environment.clone(), summary)),
    ));
    Ok(Exit::Done)
}

fn run_all(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let rows = list_machine(&context.home()?, &context.caller.variables)?;
    if args.format.is_json(context) {
        render::json(&rows.iter().map(row_in_json).collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        let name = |row: &Row| format!("{} {}", row.project, row.summary.environment);
        render::names(&rows.iter().map(name).collect::<Vec<_>>(), false);
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        context.progress().say("nothing is up, and no data is kept");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        "PROJECT",
        "BRANCH",
        "ENVIRONMENT",
        "ENGINE",
        "STATE",
        "ADDRESSES",
        "DATABASE",
        "SIZE",
        "AGE",
        "CHECKOUT",
    ]);
    for row in rows {
        let Row { project, root, branch, summary } = row;
        table.row(vec![
            project,
            branch.unwrap_or_default(),
            summary.environment.clone(),
            summary.engine.map(|engine| engine.to_string()).unwrap_or_default(),
            summary.state.as_str().into(),
            addresses(&summary).join(","),
            summary.database.unwrap_or_default(),
            summary.size.map_or_else(String::new, render::size),
            summary.age.map_or_else(String::new, render::ago),
            root.map(|root| root.display().to_string()).unwrap_or_default(),
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

/// Where what runs of it is reached: the database, and what services publish.
fn addresses(summary: &Summary) -> Vec<String> {
    let ports = summary.port.into_iter().chain(summary.services.iter().map(|(_, port)| *port));
    ports.map(|port| format!("127.0.0.1:{port}")).collect()
}

fn row_in_json(row: &Row) -> serde_json::Value {
    let mut object = in_json(&row.summary);
    object["project"] = row.project.clone().into();
    object["root"] = json!(row.root);
    object["branch"] = json!(row.branch);
    object["addresses"] = addresses(&row.summary).into();
    object
}

/// What is known of environments, each under the name that is given with it.
pub fn table(what: &'static str, summaries: impl Iterator<Item = (String, Summary)>) -> String {
    let summaries: Vec<_> = summaries.collect();
    let has_names = summaries.iter().any(|(_, summary)| summary.names.is_some());
    let headings = [what, "STATE", "ENGINE", "PORT", "DATABASE", "SIZE", "AGE", "SERVICES", "NAMES"];
    let mut table = Table::new(&headings[..headings.len() - usize::from(!has_names)]);
    for (name, summary) in summaries {
        let services = services(&summary);
        let mut row = vec![
            name,
            summary.state.as_str().into(),
            summary.engine.map(|engine| engine.to_string()).unwrap_or_default(),
            summary.port.map_or_else(String::new, |port| port.to_string()),
            summary.database.unwrap_or_default(),
            summary.size.map_or_else(String::new, render::size),
            summary.age.map_or_else(String::new, render::ago),
            services,
        ];
        row.extend(has_names.then(|| summary.names.unwrap_or_default()));
        table.row(row);
    }
    table.to_string()
}

/// `web:28115`, and what is left of services that nobody answers for any more: `(left over: 4711)`.
fn services(summary: &Summary) -> String {
    let services: Vec<_> = summary
        .services
        .iter()
        .map(|(name, port)| {
            let state = if summary.starting.contains(name) { " (starting)" } else { "" };
            format!("{name}:{port}{state}")
        })
        .collect();
    let orphans: Vec<_> = summary.orphans.iter().map(ToString::to_string).collect();
    let left = if orphans.is_empty() { String::new() } else { format!("(left over: {})", orphans.join(",")) };
    [services.join(","), left].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Sizes in bytes, ages in seconds.
pub fn in_json(summary: &Summary) -> serde_json::Value {
    json!({
        "name": summary.name,
        "environment": summary.environment,
        "state": summary.state.as_str(),
        "engine": summary.engine.map(|engine| engine.to_string()),
        "port": summary.port,
        "database": summary.database,
        "size": summary.size,
        "age": summary.age,
        "size_bytes": summary.size,
        "age_s": summary.age,
        "services": summary
            .services
            .iter()
            .map(|(name, port)| json!({ "name": name, "port": port, "ready": !summary.starting.contains(name) }))
            .collect::<Vec<_>>(),
        "names": summary.names,
        "orphans": summary.orphans,
    })
}
