//! `backlot scenario reset`

use std::time::Instant;

use serde_json::json;

use crate::commands::scenario::find::with_way_up;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;
use crate::scenarios::{named, site};

/// Take a scenario's database back to the moment after it was filled; what runs beside it goes on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario's name
    name: String,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let name = named(&args.name, &home, &project)?;
    let site = site(&home, &project, &name);
    let engine = context.engine(&site)?;
    if context.global.dry_run {
        return context.show_steps(&[format!("take {} back to what it was filled with", site.name())]);
    }
    context.tell_way(&home);
    let start = Instant::now();
    let mut report = context.reporter();
    let verbose = context.global.verbose > 0;
    let reset = engine.reset(&site, &mut |event| {
        if verbose {
            report(event);
        }
    });
    reset.map_err(|error| with_way_up(error, &name))?;
    let took = start.elapsed();
    if context.global.json {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        render::json(&json!({ "name": name.as_str(), "took_ms": took }));
    } else if !context.global.quiet {
        render::line(&format!("Scenario {name} is what it was filled with ({}).", render::took(took)));
    }
    Ok(Exit::Done)
}
