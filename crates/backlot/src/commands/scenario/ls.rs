//! `backlot scenario ls`

use backlot_engine::native::{Summary, list};
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the scenarios that are up in this checkout
///
/// With -q, only their names, one a line.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "list")]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let scenarios = list(&home, &project, &context.caller.variables)?;
    if context.global.json {
        render::json(&scenarios.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        for scenario in &scenarios {
            render::line(&scenario.name);
        }
        return Ok(Exit::Done);
    }
    if scenarios.is_empty() {
        let names: Vec<String> = project.scenarios()?.iter().map(ToString::to_string).collect();
        let files = if names.is_empty() {
            String::new()
        } else {
            format!("; there are files for {}", names.join(", "))
        };
        context.progress().say(&format!("no scenario is up{files}"));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "STATE", "ENGINE", "PORT", "DATABASE", "SIZE", "AGE", "SERVICES"]);
    for scenario in scenarios {
        table.row(vec![
            scenario.name,
            scenario.state.as_str().into(),
            scenario.engine.map(|engine| engine.to_string()).unwrap_or_default(),
            scenario.port.map_or_else(String::new, |port| port.to_string()),
            scenario.database.unwrap_or_default(),
            scenario.size.map_or_else(String::new, render::size),
            scenario.age.map_or_else(String::new, render::ago),
            services(&scenario.services),
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

/// `web:28115`
fn services(services: &[(String, u16)]) -> String {
    services.iter().map(|(name, port)| format!("{name}:{port}")).collect::<Vec<_>>().join(",")
}

/// Sizes in bytes, ages in seconds.
fn in_json(scenario: &Summary) -> serde_json::Value {
    json!({
        "name": scenario.name,
        "state": scenario.state.as_str(),
        "engine": scenario.engine.map(|engine| engine.to_string()),
        "port": scenario.port,
        "database": scenario.database,
        "size": scenario.size,
        "age": scenario.age,
        "services": scenario.services.iter().map(|(name, port)| json!({ "name": name, "port": port })).collect::<Vec<_>>(),
    })
}
