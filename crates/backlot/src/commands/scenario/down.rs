//! `backlot scenario down`

use backlot_engine::Site;
use backlot_project::ScenarioName;
use clap::ArgAction;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;
use crate::scenarios::{named, site};

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
    // As for `down`; nothing of a scenario is kept anyway.
    #[arg(short = 'v', long = "volumes", hide = true)]
    _volumes: bool,
    /// Print more about what is done
    #[arg(id = "verbose", long, action = ArgAction::Count, help_heading = "Global options", hide_short_help = true)]
    _verbose: u8,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let mut sites = Vec::new();
    if args.all {
        sites = Site::all(&home, &project)?;
        sites.retain(|site| ScenarioName::of_environment(site.name()).is_some());
    }
    for name in &args.names {
        sites.push(site(&home, &project, &named(name, &home, &project)?));
    }
    if context.global.dry_run {
        return dry_run(&sites, context);
    }
    // One that cannot be removed keeps none of the others.
    let mut outcome = Ok(Exit::Done);
    let mut told = Vec::new();
    for site in &sites {
        match one(site, context) {
            // With --all nobody has named it: it may have gone meanwhile, or been an empty directory.
            Ok(false) if args.all => {}
            Ok(removed) => {
                let said = if removed { "removed" } else { "is not up: nothing to remove" };
                context.progress().say(&format!("scenario {} {said}", name_of(site)));
                told.push(json!({ "name": name_of(site), "removed": removed }));
            }
            Err(error) => outcome = Err(error),
        }
    }
    if told.is_empty() && outcome.is_ok() {
        context.progress().say("no scenario is up: nothing to remove");
    }
    if context.global.json {
        render::json(&told.into());
    }
    outcome
}

/// The steps for all of them, each with its scenario's name when there are several.
fn dry_run(sites: &[Site], context: &Context) -> Result<Exit, CommandError> {
    let mut said = Vec::new();
    for site in sites {
        let of = if sites.len() > 1 { format!("{}: ", name_of(site)) } else { String::new() };
        said.extend(context.engine(site)?.plan_down(site, false)?.iter().map(|step| format!("{of}{step}")));
    }
    context.show_steps(&said)
}

/// Removes one; whether there was anything to remove.
fn one(site: &Site, context: &Context) -> Result<bool, CommandError> {
    let verbose = context.global.verbose > 0;
    let mut report = context.reporter();
    let steps = context.engine(site)?.down(site, false, &mut |event| {
        if verbose {
            report(event);
        }
    })?;
    Ok(!steps.is_empty())
}

fn name_of(site: &Site) -> String {
    ScenarioName::of_environment(site.name()).map_or_else(|| site.name().to_owned(), |name| name.to_string())
}
