//! `backlot stop` and `backlot start`: what `docker compose` calls so.

use serde_json::json;

use std::collections::BTreeSet;

use crate::commands::{scale, up};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Stop services, which finish their requests first; their data stays, also that of a database without a volume
#[derive(Debug, clap::Args)]
pub struct StopArgs {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// How many seconds what ends may take, instead of its `stop_grace_period`
    #[arg(short = 't', long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// Start services that were stopped, with all that they depend on: the same as `up -d`
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    waiting: up::Waiting,
}

pub fn stop(args: &StopArgs, context: &Context) -> Result<Exit, CommandError> {
    if args.services.is_empty() || are_all_that_run(&args.services, context)? {
        return stop_all(args, context);
    }
    let scale: Vec<(String, u32)> = args.services.iter().map(|service| (service.clone(), 0)).collect();
    scale::run(&scale::Args::of(scale, args.timeout), context)
}

/// Whether nothing runs beside these services, which do: databases alone have no supervisor that could stop one of them.
fn are_all_that_run(services: &[String], context: &Context) -> Result<bool, CommandError> {
    let (_, site) = context.project_and_site()?;
    let Ok(known) = context.engine(&site)?.services(&site) else { return Ok(false) };
    let runs: BTreeSet<&str> =
        known.iter().filter(|one| !one.replicas.is_empty()).map(|one| one.name.as_str()).collect();
    Ok(!runs.is_empty() && runs == services.iter().map(String::as_str).collect())
}

fn stop_all(args: &StopArgs, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    let engine = context.engine_within(&site, args.timeout)?;
    if context.global.dry_run {
        return context.show_steps(&[format!("stop all that runs of {}, and keep its data", site.name())]);
    }
    let was_running = engine.stop(&site, &mut context.reporter())?;
    if context.global.json {
        render::json(&json!({ "environment": site.name(), "was_running": was_running }));
    }
    if !was_running {
        context.progress().say(&format!("nothing of {} runs: nothing to stop", site.name()));
    }
    Ok(Exit::Done)
}

pub fn start(args: &StartArgs, context: &Context) -> Result<Exit, CommandError> {
    up::run(&up::Args::detached(args.services.clone(), args.waiting), context)
}
