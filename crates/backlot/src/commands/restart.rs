//! `backlot restart`

use backlot_supervisor::Request;
use serde_json::json;

use crate::commands::asking::{Awaited, ask};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Restart services
///
/// With --rolling one replica after another: a new one is ready before an old one finishes its requests and leaves, so no
/// request is dropped. A new one that does not get ready leaves the old ones as they are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The services [default: all that are up]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// One replica after another, without dropping a request
    #[arg(long)]
    rolling: bool,
    /// How many seconds what ends may take, instead of its `stop_grace_period`
    #[arg(short = 't', long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    if context.global.dry_run {
        let which = if args.services.is_empty() { "all services".into() } else { args.services.join(", ") };
        let how = if args.rolling { ", one replica after another" } else { "" };
        return context.show_steps(&[format!("restart {which}{how}")]);
    }
    let request = Request::Restart { services: args.services.clone(), rolling: args.rolling };
    let awaited = Awaited { services: &args.services, ..Awaited::default() };
    ask(context.engine_within(&site, args.timeout)?.as_ref(), &site, &request, awaited, context)?;
    if context.global.json {
        render::json(
            &json!({ "environment": site.name(), "restarted": args.services, "rolling": args.rolling }),
        );
    }
    Ok(Exit::Done)
}
