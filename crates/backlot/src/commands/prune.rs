//! `backlot prune`

use backlot_engine::prune::{Item, Kind, remove, survey};
use backlot_engine::room_for_templates;
use backlot_project::Project;
use serde_json::json;

use crate::commands::down::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{self, Table};

/// Remove what is kept on this machine and not needed: of all projects
///
/// Templates of databases and installed packages that nobody has used for a week, what killed commands have left, and, after
/// asking, the snapshots that a restore has made of what was there (`before-restore-…`) and the data of checkouts that are gone. With `--dry-run` it shows what all that is kept takes.
/// Snapshots with a name, volumes and servers stay: `backlot snapshot rm`, `backlot down --volumes` and `backlot postgres rm` remove
/// those.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also what was used in the last week, unless somebody uses it right now
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let home = context.home()?;
    let here = context.project().ok();
    let items = survey(&home, args.all, here.as_ref().map(Project::root))?;
    if context.global.dry_run {
        show(&items, room_for_templates(&home), context);
        return Ok(Exit::Done);
    }
    let goes: Vec<Item> = items.into_iter().filter(|item| item.stays.is_none()).collect();
    let data: Vec<&str> = goes.iter().filter(|item| item.is_data).map(|item| item.name.as_str()).collect();
    if !data.is_empty() {
        let question = format!("Remove the data of {} for good?", data.join(", "));
        ask(&question, ("data would be gone", "nothing was removed"), args.yes, context)?;
    }
    let mut gone = Vec::new();
    let (quiet, json) = (context.global.quiet, context.global.json);
    let outcome =
        remove((&home, &context.caller.variables), &goes, &context.interrupted, &mut |item, is_gone| {
            if !is_gone {
                context.progress().say(&format!(
                    "{} {} stays: somebody is at it",
                    item.kind.as_str(),
                    item.name
                ));
                return;
            }
            if !quiet && !json {
                render::line(&format!("{} {} ({})", item.kind.as_str(), item.name, render::size(item.bytes)));
            }
            gone.push(item.clone());
        });
    let bytes = gone.iter().map(|item| item.bytes).sum();
    if json {
        let removed: Vec<_> = gone.iter().map(in_json).collect();
        render::json(&json!({ "removed": removed, "size_bytes": bytes }));
    } else if !quiet {
        render::line(&match gone.len() {
            0 => "nothing was to be removed".to_owned(),
            _ => format!("{} are free", render::size(bytes)),
        });
    }
    outcome?;
    Ok(Exit::Done)
}

fn show(items: &[Item], room: u64, context: &Context) {
    if context.global.json {
        render::json(&items.iter().map(in_json).collect());
        return;
    }
    if items.is_empty() {
        context.progress().say("nothing is kept");
        return;
    }
    let mut table = Table::new(&["WHAT", "NAME", "SIZE", "UNUSED", "THEN"]);
    for item in items {
        table.row(vec![
            item.kind.as_str().into(),
            item.name.clone(),
            render::size(item.bytes),
            item.idle.map(render::ago).unwrap_or_default(),
            item.stays.as_ref().map_or_else(|| "goes".into(), |why| format!("stays: {why}")),
        ]);
    }
    render::data(&table.to_string());
    let templates = items.iter().filter(|item| item.kind == Kind::Template).map(|item| item.bytes).sum();
    context.progress().say(&format!(
        "templates take {} of {}, a fifth of what is free; beyond that, what was used least recently goes by itself, spares first",
        render::size(templates),
        render::size(room)
    ));
}

fn in_json(item: &Item) -> serde_json::Value {
    json!({
        "kind": item.kind.as_str(),
        "name": item.name,
        "size_bytes": item.bytes,
        "unused_s": item.idle,
        "goes": item.stays.is_none(),
        "why": item.stays,
    })
}
