//! `backlot ps`

use std::time::{SystemTime, UNIX_EPOCH};

use backlot_process::usage_of;
use backlot_supervisor::{Health, ReplicaReport, ServiceReport, State};
use serde_json::{Value, json};

use crate::commands::services::choose;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the services of the chosen environment, and how each replica does
///
/// With -q, only the names of the replicas that run, one a line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    // All that there are are listed anyway.
    #[arg(short = 'a', long = "all", hide = true)]
    _all: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let services = choose(&args.services, context.engine(&site)?.services(&site)?, &project, context)?;
    if context.global.json {
        render::json(&services.iter().map(service_in_json).collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        for name in running(&services) {
            render::line(&name);
        }
        return Ok(Exit::Done);
    }
    if services.is_empty() {
        context.progress().say(&format!("nothing of {} is up", site.name()));
        return Ok(Exit::Done);
    }
    render::data(&table(&services).to_string());
    Ok(Exit::Done)
}

/// `web-1`
fn running(services: &[ServiceReport]) -> Vec<String> {
    let replicas = services.iter().flat_map(|service| service.replicas.iter().map(move |one| (service, one)));
    let running = replicas.filter(|(_, replica)| replica.state == State::Running);
    running.map(|(service, replica)| format!("{}-{}", service.name, replica.number)).collect()
}

fn table(services: &[ServiceReport]) -> Table {
    let headings =
        ["SERVICE", "REPLICA", "STATE", "HEALTH", "ENDPOINT", "PID", "MEMORY", "UPTIME", "RESTARTS"];
    let mut table = Table::new(&headings);
    for service in services {
        let endpoints: Vec<String> = service
            .endpoints
            .iter()
            .map(|endpoint| format!("{}->{}", endpoint.address, endpoint.target))
            .collect();
        for replica in &service.replicas {
            table.row(vec![
                service.name.clone(),
                replica.number.to_string(),
                state(replica.state).into(),
                replica.health.map_or("", health).into(),
                endpoints.join(","),
                replica.pid.map_or_else(String::new, |pid| pid.to_string()),
                memory(replica).map_or_else(String::new, render::size),
                uptime(replica).map_or_else(String::new, |millis| render::ago(millis / 1000)),
                replica.restarts.to_string(),
            ]);
        }
    }
    table
}

/// Memory in bytes, times in seconds.
pub fn service_in_json(service: &ServiceReport) -> Value {
    let replicas: Vec<Value> = service
        .replicas
        .iter()
        .map(|replica| {
            json!({
                "replica": replica.number,
                "state": state(replica.state),
                "health": replica.health.map(health),
                "reason": replica.reason,
                "addresses": replica.addresses,
                "pid": replica.pid,
                "memory": memory(replica),
                "uptime": uptime(replica).map(|millis| millis / 1000),
                "restarts": replica.restarts,
            })
        })
        .collect();
    let endpoints: Vec<Value> = service
        .endpoints
        .iter()
        .map(|endpoint| {
            json!({ "target": endpoint.target, "address": endpoint.address, "published": endpoint.published })
        })
        .collect();
    json!({
        "service": service.name,
        "wanted": service.wanted,
        "rolling": service.rolling,
        "endpoints": endpoints,
        "replicas": replicas,
    })
}

fn memory(replica: &ReplicaReport) -> Option<u64> {
    replica.pid.and_then(usage_of).map(|usage| usage.memory)
}

/// Milliseconds since its process was started.
fn uptime(replica: &ReplicaReport) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = u64::try_from(now.as_millis()).ok()?;
    replica.pid.and(replica.started).map(|started| now.saturating_sub(started))
}

fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Blocked => "blocked",
        State::Starting => "starting",
        State::Running => "running",
        State::Restarting => "restarting",
        State::Draining => "draining",
        State::Stopping => "stopping",
        State::Completed => "completed",
        State::Failed => "failed",
    }
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Starting => "starting",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
}
