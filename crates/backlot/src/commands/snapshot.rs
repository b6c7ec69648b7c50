//! `backlot snapshot`

use std::path::{Path, PathBuf};
use std::time::Instant;

use backlot_engine::{Deployment, EngineError, Event, Ground, Purpose, Saved, Site, Wishes};
use backlot_process::Stdout;
use backlot_project::{ScenarioName, ScenarioSource};
use serde_json::json;

use crate::commands::down::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};
use crate::scenarios::{named, site as site_of_scenario};

/// Databases of this checkout as they were at a moment, kept by name
///
/// Of an environment (-e, development if nothing is said) or of a scenario, stopped or running: nobody's connection ends when
/// one is made, and no row that was committed is missing.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Keep a database as it is now
    Save(Which),
    /// Put one in the place of a database; what was there is kept as a snapshot, too
    Restore {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
    /// Make one of what `pg_dump` has written: plain SQL, -Fc, -Ft or a folder (-Fd), also packed by gzip or zstd
    ///
    /// It is loaded into an empty database as the Compose file describes it; what runs has nothing to do with it. A dump that does not load
    /// whole is an error that tells at which object, and nothing of it is left.
    Load {
        /// The snapshot's name
        name: String,
        /// The dump
        #[arg(value_hint = clap::ValueHint::AnyPath)]
        file: PathBuf,
    },
    /// List them
    #[command(visible_alias = "list")]
    Ls {},
    /// Remove some
    #[command(visible_alias = "remove")]
    Rm {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Do not ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
}

/// A snapshot's name, behind that of a scenario if it is of one.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The snapshot's name; before it that of the scenario, if it is not the environment's database
    #[arg(required = true, num_args = 1..=2, value_name = "[SCENARIO] NAME")]
    words: Vec<String>,
}

impl Which {
    fn scenario(&self) -> Option<&str> {
        self.words.first().filter(|_| self.words.len() > 1).map(String::as_str)
    }

    fn name(&self) -> &str {
        self.words.last().map(String::as_str).unwrap_or_default()
    }
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    match command {
        Command::Save(which) => save(which.scenario(), which.name(), context),
        Command::Restore { which, yes } => restore(which.scenario(), which.name(), yes, context),
        Command::Load { name, file } => load(&name, &file, context),
        Command::Ls {} => ls(context),
        Command::Rm { names, yes } => rm(&names, yes, context),
    }
}

/// Where the database is that is meant.
fn meant(scenario: Option<&str>, context: &Context) -> Result<Site, CommandError> {
    let Some(scenario) = scenario else { return Ok(context.project_and_site()?.1) };
    let (project, home) = (context.project()?, context.home()?);
    Ok(site_of_scenario(&home, &project, &named(scenario, &home, &project)?))
}

fn save(scenario: Option<&str>, name: &str, context: &Context) -> Result<Exit, CommandError> {
    let site = meant(scenario, context)?;
    if context.global.dry_run {
        return context.show_steps(&[format!("keep the database of {} as the snapshot {name}", site.name())]);
    }
    context.tell_way(site.home());
    let start = Instant::now();
    let (mut report, verbose) = (context.reporter(), context.global.verbose > 0);
    context.engine(&site)?.save(&site, name, &context.interrupted, &mut |event| {
        // How long it takes is told while it goes on; that it was done, once.
        if verbose || !matches!(event, Event::Did { failed: false, .. }) {
            report(event);
        }
    })?;
    if context.global.json {
        render::json(&in_json(&site.snapshots().get(name).map_err(EngineError::from)?));
    } else if !context.global.quiet {
        render::line(&format!("{} is kept as {name} ({}).", site.name(), render::took(start.elapsed())));
    }
    Ok(Exit::Done)
}

fn restore(scenario: Option<&str>, name: &str, yes: bool, context: &Context) -> Result<Exit, CommandError> {
    let (site, project, home) = (meant(scenario, context)?, context.project()?, context.home()?);
    // It is there before anybody is asked.
    site.snapshots().get(name).map_err(EngineError::from)?;
    if context.global.dry_run {
        return context.show_steps(&[
            format!("keep the database of {} as a snapshot", site.name()),
            format!("put the snapshot {name} in its place"),
        ]);
    }
    let question =
        format!("Put {name} in the place of the database of {} (which is kept as a snapshot)?", site.name());
    ask(&question, ("the database would be another one", "nothing was changed"), yes, context)?;
    let ground = context.ground(&home, &project);
    let start = Instant::now();
    let deployment = deployment(scenario, ground, context)?;
    let before = deployment.snapshots()?.restore(name, &mut context.reporter(), &mut context.newsreader())?;
    if context.global.json {
        render::json(&json!({ "environment": site.name(), "snapshot": name, "before": before }));
    } else if !context.global.quiet {
        let kept = before.map(|before| format!("; what was there is kept as {before}")).unwrap_or_default();
        render::line(&format!(
            "{} is what {name} has ({}){kept}.",
            site.name(),
            render::took(start.elapsed())
        ));
    }
    Ok(Exit::Done)
}

fn load(name: &str, file: &Path, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    // As the shell that it was typed into would find it.
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if context.global.dry_run {
        return context.show_steps(&[format!("load {} as the snapshot {name}", file.display())]);
    }
    let start = Instant::now();
    let ground = context.ground(&home, &project);
    let deployment = deployment(None, ground, context)?;
    deployment.snapshots()?.load(name, &file, &mut context.reporter())?;
    if context.global.json {
        render::json(&in_json(&deployment.site().snapshots().get(name).map_err(EngineError::from)?));
    } else if !context.global.quiet {
        render::line(&format!("{} is kept as {name} ({}).", file.display(), render::took(start.elapsed())));
    }
    Ok(Exit::Done)
}

fn deployment<'a>(
    scenario: Option<&str>,
    ground: Ground<'a>,
    context: &Context,
) -> Result<Box<dyn Deployment<'a> + 'a>, CommandError> {
    let Some(scenario) = scenario else {
        return context.deployment(ground, context.environment(ground.project)?, &Wishes::default());
    };
    let name = ScenarioName::parse(scenario)?;
    let environment = ground.project.scenario_environment(&name)?;
    let deployment = context.deployment(ground, environment, &Wishes::default())?;
    let purpose =
        Purpose::Scenario { name, source: ScenarioSource::Empty, stdout: Stdout::OurStderr, from: None };
    Ok(deployment.meant_for(purpose))
}

fn ls(context: &Context) -> Result<Exit, CommandError> {
    let all = context.project_and_site()?.1.snapshots().all().map_err(EngineError::from)?;
    if context.global.json {
        render::json(&all.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        context.progress().say("there is no snapshot");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "OF", "POSTGRES", "DATABASE", "SIZE", "AGE"]);
    for Saved { name, snapshot, .. } in all {
        let age = render::ago(backlot_engine::now().saturating_sub(snapshot.made));
        table.row(vec![
            name,
            snapshot.environment,
            snapshot.postgres,
            snapshot.database,
            render::size(snapshot.bytes),
            age,
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

fn rm(names: &[String], yes: bool, context: &Context) -> Result<Exit, CommandError> {
    let store = context.project_and_site()?.1.snapshots();
    // All of them are there before one is gone.
    for name in names {
        store.get(name).map_err(EngineError::from)?;
    }
    if context.global.dry_run {
        let steps: Vec<String> = names.iter().map(|name| format!("remove the snapshot {name}")).collect();
        return context.show_steps(&steps);
    }
    let question = format!("Remove the data of {} for good?", names.join(", "));
    ask(&question, ("snapshots would be gone", "nothing was removed"), yes, context)?;
    for name in names {
        store.remove(name).map_err(EngineError::from)?;
        if !context.global.json && !context.global.quiet {
            render::line(name);
        }
    }
    if context.global.json {
        render::json(&json!({ "removed": names }));
    }
    Ok(Exit::Done)
}

/// Sizes in bytes, times in seconds since 1970.
fn in_json(saved: &Saved) -> serde_json::Value {
    let Saved { name, snapshot, .. } = saved;
    json!({
        "name": name,
        "environment": snapshot.environment,
        "service": snapshot.service,
        "postgres": snapshot.postgres,
        "database": snapshot.database,
        "size": snapshot.bytes,
        "size_bytes": snapshot.bytes,
        "made": snapshot.made,
    })
}
