//! `backlot scenario fork`

use backlot_engine::{EngineError, EngineKind, Wishes};
use backlot_project::{ScenarioName, ScenarioSource};

use crate::commands::scenario::find::{deployment_from, with_way_up};
use crate::commands::scenario::up::{Bring, bring_up};
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::scenarios::{named, site};

/// Bring a second scenario up with the data that one has now, running or stopped; both go on separately
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario that has the data
    name: String,
    /// The new one's name
    new: String,
    /// Start these services only, with all that they depend on; `--only db` for the database alone (repeatable)
    #[arg(long, value_name = "SERVICE")]
    only: Vec<String>,
    /// Install nothing that services' Dockerfiles do
    #[arg(long)]
    no_install: bool,
    /// Return when the other services are healthy, too
    #[arg(long)]
    wait: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let (name, new) = (named(&args.name, &home, &project)?, ScenarioName::parse(&args.new)?);
    if project.scenario_source(&new)? != ScenarioSource::Empty {
        let error = format!("scenarios/ has a file for {new}, which fills it with something else");
        return Err(CommandError::usage("scenario-exists", error).hint("choose another name"));
    }
    let (from, to) = (site(&home, &project, &name), site(&home, &project, &new));
    // What a killed one has left is made anew.
    if to.record()?.is_some() {
        let error = format!("there is a scenario {new} already");
        let way_out = backlot_engine::Hint::command(&["scenario", "down", new.as_str()]);
        return Err(CommandError::usage("scenario-exists", error).hint(way_out));
    }
    // It is there before anything is begun, though it may be stopped.
    let engine = context.engine(&from)?;
    if from.record()?.is_none_or(|record| record.database.is_none()) {
        engine.database(&from).map_err(|error| with_way_up(error, &name))?;
    }
    let ground = context.ground(&home, &project);
    let environment = project.scenario_environment(&new)?;
    let wishes = Wishes { services: args.only.clone(), no_install: args.no_install, ..Wishes::default() };
    let source = (&new, ScenarioSource::Empty, Some(from));
    let scenario = deployment_from(context, ground, environment, source, &wishes)?;
    if engine.kind() != EngineKind::Native || scenario.kind() != EngineKind::Native {
        let environment = name.environment_name().to_string();
        return Err(EngineError::OnlyNative { what: "fork the database", environment }.into());
    }
    let bring = Bring { name: &new, only: &args.only, is_awaited: args.wait, begins_empty: false };
    bring_up(scenario.as_ref(), bring, wishes, &project, context)
}
