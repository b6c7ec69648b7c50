//! `backlot ls`

use backlot_engine::{Summary, list_all};
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the environments of this checkout that are up, and what killed commands have left over
#[derive(Debug, clap::Args)]
#[command(visible_alias = "list")]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let all = list_all(&home, &project, &context.caller.variables)?;
    if context.global.json {
        render::json(&all.iter().map(in_json).collect());
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

/// What is known of environments, each under the name that is given with it.
pub fn table(what: &'static str, summaries: impl Iterator<Item = (String, Summary)>) -> String {
    let mut table = Table::new(&[what, "STATE", "ENGINE", "PORT", "DATABASE", "SIZE", "AGE", "SERVICES"]);
    for (name, summary) in summaries {
        let services = services(&summary);
        table.row(vec![
            name,
            summary.state.as_str().into(),
            summary.engine.map(|engine| engine.to_string()).unwrap_or_default(),
            summary.port.map_or_else(String::new, |port| port.to_string()),
            summary.database.unwrap_or_default(),
            summary.size.map_or_else(String::new, render::size),
            summary.age.map_or_else(String::new, render::ago),
            services,
        ]);
    }
    table.to_string()
}

/// `web:28115`, and what is left of services that nobody answers for any more: `(left over: 4711)`.
fn services(summary: &Summary) -> String {
    let services: Vec<_> = summary.services.iter().map(|(name, port)| format!("{name}:{port}")).collect();
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
        "services": summary.services.iter().map(|(name, port)| json!({ "name": name, "port": port })).collect::<Vec<_>>(),
        "orphans": summary.orphans,
    })
}
