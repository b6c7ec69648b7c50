//! `backlot scale`

use std::collections::BTreeMap;

use backlot_supervisor::Request;
use serde_json::json;

use crate::commands::asking::{Awaited, ask};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Run N replicas of a service; those that are too many finish their requests first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many of which service
    #[arg(required = true, value_name = "SERVICE=N", value_parser = parse_scale)]
    scale: Vec<(String, u32)>,
    /// Do not wait until new replicas are ready and those that are too many have gone
    #[arg(long)]
    no_wait: bool,
    // How many seconds those may take that leave: `stop` says it.
    #[arg(skip)]
    timeout: Option<u64>,
    // What it depends on is never started with it.
    #[arg(long = "no-deps", hide = true)]
    _no_deps: bool,
}

impl Args {
    /// To so many, waited for; what leaves may take so many seconds.
    pub fn of(scale: Vec<(String, u32)>, timeout: Option<u64>) -> Self {
        Self { scale, no_wait: false, timeout, _no_deps: false }
    }
}

/// `web=3`
pub fn parse_scale(text: &str) -> Result<(String, u32), String> {
    let (service, count) = text.split_once('=').ok_or("it is not of the form SERVICE=N")?;
    let count = count.parse().map_err(|_| format!("{count:?} is no number of replicas"))?;
    if service.is_empty() {
        Err("the service's name is missing".into())
    } else {
        Ok((service.to_owned(), count))
    }
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (_, site) = context.project_and_site()?;
    if context.global.dry_run {
        let steps: Vec<String> =
            args.scale.iter().map(|(service, count)| format!("scale {service} to {count}")).collect();
        return context.show_steps(&steps);
    }
    let request = Request::Scale { replicas: args.scale.iter().cloned().collect(), wait: !args.no_wait };
    let names: Vec<String> = args.scale.iter().map(|(service, _)| service.clone()).collect();
    let awaited = Awaited { services: &names, ..Awaited::default() };
    ask(context.engine_within(&site, args.timeout)?.as_ref(), &site, &request, awaited, context)?;
    if context.global.json {
        let wanted: BTreeMap<&String, u32> =
            args.scale.iter().map(|(service, count)| (service, *count)).collect();
        render::json(&json!({ "environment": site.name(), "replicas": wanted }));
    }
    Ok(Exit::Done)
}
