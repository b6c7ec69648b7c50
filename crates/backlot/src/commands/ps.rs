//! `backlot ps`

use std::time::{SystemTime, UNIX_EPOCH};

use backlot_engine::Entrance;
use backlot_process::usage_of;
use backlot_supervisor::{Health, ReplicaReport, ServiceReport, State};
use serde_json::{Value, json};

use crate::commands::format::Format;
use crate::commands::named::Named;
use crate::commands::seen;
use crate::commands::services::choose;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// List the services of the chosen environment, and how each replica does
///
/// With -q, only the names of the replicas that run, one a line. With -v also what each service sees of its own: its mounts, what
/// the names that it knows lead to, and where the ports of its replicas really are.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "status")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Args {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    named: Vec<String>,
    // All that there are are listed anyway.
    #[arg(short = 'a', long = "all", hide = true)]
    _all: bool,
    /// List the services instead, a name a line
    #[arg(long)]
    services: bool,
    /// Only replicas in this state: one of the column's, or of Docker's (repeatable)
    #[arg(long, value_name = "STATE", value_parser = parse_states)]
    status: Vec<States>,
    /// The same as --status, as `status=STATE`
    #[arg(long, value_name = "FILTER", value_parser = parse_filter, hide_short_help = true)]
    filter: Vec<States>,
    #[command(flatten)]
    format: Format,
    /// Leave services out, with `=false`, that run and that the files do not have
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, hide_short_help = true)]
    orphans: bool,
    // Nothing is cut.
    #[arg(long = "no-trunc", hide = true)]
    _no_trunc: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, site) = context.project_and_site()?;
    let engine = context.engine(&site)?;
    let known = engine.services(&site)?;
    let mut services = choose(&args.named, known.clone(), &project, context)?;
    let (json, verbose) = (args.format.is_json(context), context.global.verbose > 0);
    // What runs can be looked at even if the files are broken by now.
    let environment =
        if json || verbose || !args.orphans { context.environment(&project).ok() } else { None };
    if let Some(environment) = environment.as_ref().filter(|_| !args.orphans) {
        services.retain(|service| environment.stack.services.contains_key(&service.name));
    }
    let states: Vec<State> =
        args.status.iter().chain(&args.filter).flat_map(|states| states.0.clone()).collect();
    let is_filtered = !args.status.is_empty() || !args.filter.is_empty();
    if is_filtered {
        keep(&mut services, &states);
    }
    if args.services {
        let up = services.iter().filter(|service| !service.replicas.is_empty());
        render::names(&up.map(|service| service.name.clone()).collect::<Vec<_>>(), json);
        return Ok(Exit::Done);
    }
    let named = Named::of(&site);
    let seen = |service| seen::of(service, (&site, engine.as_ref()), environment.as_ref(), context);
    if json {
        let all = services.iter().map(|service| {
            let mut shown = service_in_json(service, &known, named.as_ref());
            shown["view"] = seen(service).map_or(Value::Null, |seen| seen.in_json());
            shown
        });
        render::json(&all.collect());
        return Ok(Exit::Done);
    }
    if context.global.quiet {
        if !is_filtered {
            keep(&mut services, &[State::Running]);
        }
        render::names(&replicas(&services), false);
        return Ok(Exit::Done);
    }
    if services.is_empty() {
        context.progress().say(&format!("nothing of {} is up", site.name()));
        return Ok(Exit::Done);
    }
    let urls = named.map(|named| named.urls(&known));
    render::data(&table(&services, urls.as_deref()).to_string());
    for service in services.iter().filter(|service| verbose && !service.replicas.is_empty()) {
        let ports = service.replicas.iter().filter_map(|replica| seen::ports(&service.name, replica));
        let lines: Vec<String> =
            seen(service).map(|seen| seen.lines()).into_iter().flatten().chain(ports).collect();
        if !lines.is_empty() {
            render::line(&format!("\n{}", service.name));
            for line in lines {
                render::line(&format!("  {line}"));
            }
        }
    }
    Ok(Exit::Done)
}

/// `web-1`
fn replicas(services: &[ServiceReport]) -> Vec<String> {
    let replicas = services.iter().flat_map(|service| service.replicas.iter().map(move |one| (service, one)));
    replicas.map(|(service, replica)| format!("{}-{}", service.name, replica.number)).collect()
}

/// Keeps the replicas that are in one of these states, and the services that have some.
fn keep(services: &mut Vec<ServiceReport>, states: &[State]) {
    for service in services.iter_mut() {
        service.replicas.retain(|replica| states.contains(&replica.state));
    }
    services.retain(|service| !service.replicas.is_empty());
}

/// The states that a word means.
#[derive(Debug, Clone)]
struct States(Vec<State>);

/// A state as the table has it, or a word of Docker's for several.
fn parse_states(text: &str) -> Result<States, String> {
    use State::{Blocked, Completed, Draining, Failed, Restarting, Running, Starting, Stopping, Waiting};
    const ALL: [State; 9] =
        [Waiting, Blocked, Starting, Running, Restarting, Draining, Stopping, Completed, Failed];
    Ok(States(match text {
        "running" => vec![Running, Draining, Stopping],
        "created" => vec![Waiting, Blocked, Starting],
        "exited" => vec![Completed, Failed],
        // Nothing ever is.
        "paused" | "removing" | "dead" => Vec::new(),
        own => {
            let known = ALL.into_iter().find(|known| state(*known) == own);
            let none = || {
                format!(
                    "it is none of {}, created, exited, paused, removing, dead",
                    ALL.map(state).join(", ")
                )
            };
            vec![known.ok_or_else(none)?]
        }
    }))
}

/// `status=running`
fn parse_filter(text: &str) -> Result<States, String> {
    let status = text.strip_prefix("status=").ok_or("it is not of the form status=STATE")?;
    parse_states(status)
}

/// `urls` are those at the front door, if it is open.
fn table(services: &[ServiceReport], urls: Option<&[(Entrance, String)]>) -> Table {
    let headings = [
        "SERVICE", "REPLICA", "STATE", "HEALTH", "ENGINE", "ENDPOINT", "PID", "MEMORY", "UPTIME", "RESTARTS",
        "URL",
    ];
    let columns = headings.len() - usize::from(urls.is_none());
    let mut table = Table::new(&headings[..columns]);
    let url = |service: &ServiceReport| {
        let mut urls = urls.into_iter().flatten().filter(|(entrance, _)| entrance.service == service.name);
        urls.next().map_or_else(String::new, |(_, url)| url.clone())
    };
    for service in services {
        let endpoints: Vec<String> = service
            .endpoints
            .iter()
            .map(|endpoint| format!("{}->{}", endpoint.address, endpoint.target))
            .collect();
        for replica in &service.replicas {
            let mut row = vec![
                service.name.clone(),
                replica.number.to_string(),
                state(replica.state).into(),
                replica.health.map_or("", health).into(),
                service.engine.clone(),
                endpoints.join(","),
                replica.pid.map_or_else(String::new, |pid| pid.to_string()),
                memory(replica).map_or_else(String::new, render::size),
                uptime(replica).map_or_else(String::new, |millis| render::ago(millis / 1000)),
                replica.restarts.to_string(),
            ];
            row.extend(urls.map(|_| url(service)));
            table.row(row);
        }
    }
    table
}

/// Memory in bytes, times in seconds. With the URLs of its ports at the front door, which depend on what others are called.
pub fn service_in_json(service: &ServiceReport, all: &[ServiceReport], named: Option<&Named>) -> Value {
    let urls = named.map(|named| named.urls(all)).unwrap_or_default();
    let url = |target: u16| {
        let is_it = |entrance: &Entrance| entrance.service == service.name && entrance.target == target;
        urls.iter().find(|(entrance, _)| is_it(entrance)).map(|(_, url)| url)
    };
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
                // Without their units: as they were called once.
                "memory": memory(replica),
                "uptime": uptime(replica).map(|millis| millis / 1000),
                "memory_bytes": memory(replica),
                "uptime_s": uptime(replica).map(|millis| millis / 1000),
                "restarts": replica.restarts,
                "own": replica.own,
                "ports": replica.ports,
            })
        })
        .collect();
    let endpoints: Vec<Value> = service
        .endpoints
        .iter()
        .map(|endpoint| {
            json!({
                "target": endpoint.target,
                "address": endpoint.address,
                "published": endpoint.published,
                "url": url(endpoint.target),
            })
        })
        .collect();
    json!({
        "service": service.name,
        "engine": service.engine,
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

/// How a replica does, in one word: one that runs and is not ready yet is starting.
pub fn how_it_does(replica: &ReplicaReport) -> &'static str {
    match (replica.state, replica.health) {
        (State::Running, Some(health)) if health != Health::Healthy => self::health(health),
        (state, _) => self::state(state),
    }
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
