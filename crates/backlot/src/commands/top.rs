//! `backlot top`

use backlot_process::{ProcessUsage, processes_of};
use serde_json::json;

use crate::commands::format::Format;
use crate::commands::services::choose;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the processes of the chosen environment's services
#[derive(Debug, clap::Args)]
#[command(alias = "stats")]
pub struct Args {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    format: Format,
    // It looks once, at all, and cuts nothing.
    #[arg(short = 'a', long = "all", hide = true)]
    _all: bool,
    #[arg(long = "no-stream", hide = true)]
    _no_stream: bool,
    #[arg(long = "no-trunc", hide = true)]
    _no_trunc: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let mut rows: Vec<(String, ProcessUsage)> = Vec::new();
    for service in choose(&args.services, context.engine(&site)?.services(&site)?, &project, context)? {
        for replica in &service.replicas {
            let name = format!("{}-{}", service.name, replica.number);
            let processes = replica.pid.map(processes_of).unwrap_or_default();
            rows.extend(processes.into_iter().map(|process| (name.clone(), process)));
        }
    }
    if args.format.is_json(context) {
        render::json(&rows.iter().map(|(replica, process)| in_json(replica, process)).collect());
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        context.progress().say(&format!("nothing of {} is up", site.name()));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["REPLICA", "PID", "PPID", "MEMORY", "TIME", "COMMAND"]);
    for (replica, process) in rows {
        table.row(vec![
            replica,
            process.pid.to_string(),
            process.parent.to_string(),
            render::size(process.memory),
            render::took(process.time),
            process.command,
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

/// Memory in bytes, processor time in milliseconds.
fn in_json(replica: &str, process: &ProcessUsage) -> serde_json::Value {
    json!({
        "replica": replica,
        "pid": process.pid,
        "parent": process.parent,
        "memory": process.memory,
        "memory_bytes": process.memory,
        "time_ms": u64::try_from(process.time.as_millis()).unwrap_or(u64::MAX),
        "command": process.command,
    })
}
