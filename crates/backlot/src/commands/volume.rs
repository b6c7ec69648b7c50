//! `backlot volume`

use backlot_engine::Home;
use backlot_engine::volume::{self, Shared};
use serde_json::json;

use crate::commands::down::confirm;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// The volumes that projects share by name: those with `external: true` or a `name:` in a Compose file
///
/// They are the native engine's; Docker has its own (`docker volume`). The volumes that belong to one environment alone are
/// removed with it by `backlot down --volumes`, which never removes an external one.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an empty one, unless it is there
    Create {
        /// Its name
        name: String,
    },
    /// List them
    #[command(visible_alias = "list")]
    Ls {},
    /// Show what is known of one, as JSON
    Inspect {
        /// Its name
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Remove one with all that is in it
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
}

pub fn run(command: Command, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    match command {
        Command::Create { name } => create(&home, &name, context),
        Command::Ls {} => ls(&home, context),
        Command::Inspect { names } => inspect(&home, &names),
        Command::Rm { names, yes } => rm(&home, &names, yes, context),
    }
}

fn create(home: &Home, name: &str, context: &Context) -> Result<Exit, CommandError> {
    if context.global.dry_run {
        return context.show_steps(&[format!("make the volume {name}, unless it is there")]);
    }
    let created = volume::create(home, name)?;
    if !created {
        context.progress().say(&format!("volume {name} is there already"));
    }
    if context.global.json {
        render::json(&json!({ "name": name, "created": created }));
    } else {
        render::line(name);
    }
    Ok(Exit::Done)
}

fn ls(home: &Home, context: &Context) -> Result<Exit, CommandError> {
    let volumes = volume::list(home)?;
    if context.global.json {
        render::json(&volumes.iter().map(in_json).collect());
        return Ok(Exit::Done);
    }
    if volumes.is_empty() {
        context.progress().say("no volume is shared by name");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "HOLDS", "MADE BY", "USED"]);
    for volume in volumes {
        let maker = volume.record.as_ref().and_then(|record| record.maker.as_ref());
        let by = maker.map(|maker| format!("{} of {}", maker.environment, maker.project.display()));
        table.row(vec![
            volume.name.clone(),
            holds(&volume),
            by.unwrap_or_else(|| "backlot volume create".into()),
            volume.user.map(|pid| format!("by process {pid}")).unwrap_or_default(),
        ]);
    }
    render::data(&table.to_string());
    Ok(Exit::Done)
}

/// `PostgreSQL 15`
fn holds(volume: &Shared) -> String {
    let clusters = volume.record.iter().flat_map(|record| record.clusters.values());
    clusters.map(|cluster| format!("PostgreSQL {}", cluster.major)).collect::<Vec<_>>().join(", ")
}

fn inspect(home: &Home, names: &[String]) -> Result<Exit, CommandError> {
    let mut volumes = Vec::new();
    for name in names {
        volumes.push(in_json(&volume::inspect(home, name)?));
    }
    render::json(&volumes.into());
    Ok(Exit::Done)
}

fn rm(home: &Home, names: &[String], yes: bool, context: &Context) -> Result<Exit, CommandError> {
    // All of them are there before one is gone.
    for name in names {
        volume::inspect(home, name)?;
    }
    if context.global.dry_run {
        let steps: Vec<String> = names.iter().map(|name| format!("remove the volume {name}")).collect();
        return context.show_steps(&steps);
    }
    confirm(&format!("Remove the data of {} for good?", names.join(", ")), yes, context)?;
    for name in names {
        volume::remove(home, name)?;
        if !context.global.json {
            render::line(name);
        }
    }
    if context.global.json {
        render::json(&json!({ "removed": names }));
    }
    Ok(Exit::Done)
}

fn in_json(volume: &Shared) -> serde_json::Value {
    let record = volume.record.as_ref();
    json!({
        "name": volume.name,
        "path": volume.path,
        "created": record.map(|record| record.created),
        "made_by": record.and_then(|record| record.maker.as_ref()),
        "clusters": record.map(|record| &record.clusters),
        "used_by": volume.user,
    })
}
