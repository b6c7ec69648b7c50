//! `backlot scenario down`

use backlot_engine::Site;
use backlot_engine::native::{down, plan_down};

use crate::commands::scenario::{parse_name, site};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Remove scenarios: nothing is left of them, no process, file, socket or port
#[derive(Debug, clap::Args)]
#[command(visible_alias = "rm")]
pub struct Args {
    /// The scenarios' names
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<String>,
    /// Remove every scenario of this checkout
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let mut sites = Vec::new();
    if args.all {
        sites = Site::all(&home, &project)?;
        sites.retain(|site| site.name().starts_with("scenario_"));
    }
    for name in &args.names {
        sites.push(site(&home, &project, &parse_name(name)?));
    }
    // One that cannot be removed keeps none of the others.
    let mut outcome = Ok(Exit::Done);
    for site in sites {
        if let Err(error) = one(&site, args.all, context) {
            outcome = Err(error);
        }
    }
    outcome
}

fn one(site: &Site, all: bool, context: &Context) -> Result<(), CommandError> {
    let name = site.name().strip_prefix("scenario_").unwrap_or(site.name());
    if context.global.dry_run {
        for step in plan_down(site, false)? {
            render::line(&step.to_string());
        }
        return Ok(());
    }
    let verbose = context.global.verbose > 0;
    let mut report = context.reporter();
    let steps = down(site, false, &mut |event| {
        if verbose {
            report(event);
        }
    })?;
    // With --all nobody has named it: it may have gone meanwhile, or been an empty directory.
    if !steps.is_empty() {
        context.progress().say(&format!("scenario {name} removed"));
    } else if !all {
        context.progress().say(&format!("scenario {name} is not up: nothing to remove"));
    }
    Ok(())
}
