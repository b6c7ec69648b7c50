//! `backlot install`

use backlot_engine::{Packages, Wishes};
use backlot_plan::Step;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Install and build what services' Dockerfiles do, where it is missing: `up` does that, too
///
/// Into virtual environments, `node_modules` and gems of Backlot's own, outside of the project, each kept by what decides: lock files,
/// requirements, the interpreter. A `.venv` or `node_modules` of the project's own is used where there is one. Packages of the
/// system are never installed: `doctor` lists them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    let project = context.project()?.naming(args.services.iter().cloned());
    let environment = context.environment(&project)?;
    let wishes = Wishes { services: args.services.clone(), ..Wishes::default() };
    let deployment = context.deployment(context.ground(&home, &project), environment, &wishes)?;
    if context.global.dry_run {
        return context.show_steps(&steps(&deployment.packages(&args.services)?));
    }
    let before = deployment.packages(&args.services)?;
    let all = deployment.install(&args.services, &mut context.reporter())?;
    if context.global.json {
        let was_there = |packages: &Packages| {
            before.iter().any(|earlier| earlier.folder == packages.folder && earlier.is_there)
        };
        let one = |packages: &Packages| {
            json!({
                "services": packages.services,
                "installs": packages.said,
                "path": packages.folder,
                "was_there": was_there(packages),
            })
        };
        render::json(&all.iter().map(one).collect());
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        context
            .progress()
            .say("nothing to install: no Dockerfile says anything that the project has not itself");
    } else if before.iter().all(|packages| packages.is_there) {
        context.progress().say("everything is there");
    }
    Ok(Exit::Done)
}

/// What is still to be installed, in words.
pub fn steps(packages: &[Packages]) -> Vec<String> {
    let missing = packages.iter().filter(|packages| !packages.is_there);
    let steps = missing.map(|packages| {
        let (services, said) = (packages.services.clone(), packages.said.clone());
        if packages.is_built {
            return Step::Build { services, said }.to_string();
        }
        Step::Install { services, said }.to_string()
    });
    steps.collect()
}
