//! `backlot adopt`

use std::path::{Component, Path, PathBuf};

use backlot_engine::{Checkout, Checkouts, Hint, Home, Orphan, name_of_directory, orphans};
use backlot_project::Project;
use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// Take over the data of a checkout that is gone: `ls --all` shows it as an orphan
///
/// It is this checkout's from then on. A checkout that was only moved or renamed finds its data without that.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The orphan: where its checkout was, or its id [default: the only one of this project]
    orphan: Option<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let (project, home) = (context.project()?, context.home()?);
    let orphan = choose(args.orphan.as_deref(), &project, &home, context)?;
    let checkouts = Checkouts::of(&home);
    let own = checkouts.at(project.root()).map(|known| checkouts.projects(&known)).unwrap_or_default();
    if let Some(own) = own.first() {
        let error = format!("this checkout has data or environments of its own in {}", own.display());
        let hint =
            Hint::from("see `").then(Hint::command(&["ls", "--all"])).then("`, and remove them with `");
        let hint = hint.then(Hint::command(&["down", "--volumes"])).then("`");
        return Err(CommandError::failed("has-data", error).hint(hint));
    }
    let was = orphan.root.as_ref().map_or_else(|| orphan.id.clone(), |root| root.display().to_string());
    if context.global.dry_run {
        return context.show_steps(&[format!("take over the data of {was}")]);
    }
    orphan.adopt(&home, project.root(), &project.directory_name())?;
    if context.global.json {
        render::json(&json!({
            "id": orphan.id, "from": orphan.root, "environments": orphan.environments, "size_bytes": orphan.size,
        }));
        return Ok(Exit::Done);
    }
    let (all, size) = (orphan.environments.join(", "), render::size(orphan.size));
    context.progress().say(&format!("{all} of {was} ({size}): this checkout's from now on"));
    Ok(Exit::Done)
}

/// A path without `.` and `..`: what it leads to is gone.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

fn choose(
    named: Option<&str>,
    project: &Project,
    home: &Home,
    context: &Context,
) -> Result<Orphan, CommandError> {
    let mut all = orphans(home);
    let shown = |all: &[Orphan]| {
        let one = |orphan: &Orphan| {
            let root = orphan.root.as_deref().unwrap_or(Path::new("?")).display().to_string();
            format!(
                "{} ({} of {root}, {})",
                orphan.id,
                orphan.environments.join(", "),
                render::size(orphan.size)
            )
        };
        all.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let listed = shown(&all);
    if let Some(named) = named {
        let path = context.caller.directory.as_ref().map(|dir| plain(&dir.join(named)));
        let path = path.unwrap_or_default();
        all.retain(|orphan| orphan.id == named || orphan.root.as_ref() == Some(&path));
    } else {
        // One that was here before comes first.
        let is_here = |orphan: &Orphan| orphan.root.as_deref() == Some(project.root());
        let any = all.iter().any(is_here);
        let main = Checkout::of(project.root()).main();
        let main =
            main.as_deref().and_then(Path::file_name).map(|name| name_of_directory(&name.to_string_lossy()));
        let called = [Some(project.name().to_owned()), Some(project.directory_name()), main];
        let is_called = |orphan: &Orphan| called.contains(&Some(orphan.project.clone()));
        all.retain(|orphan| if any { is_here(orphan) } else { is_called(orphan) });
    }
    if all.len() == 1 {
        return Ok(all.remove(0));
    }
    let what = named.map_or_else(|| format!("of {}", project.name()), |named| format!("{named:?}"));
    let error = match all.len() {
        0 => CommandError::failed("no-orphan", format!("there is no orphan {what}")),
        count => CommandError::failed("several-orphans", format!("there are {count} orphans {what}")),
    };
    let known = if all.is_empty() { listed } else { shown(&all) };
    Err(if known.is_empty() { error } else { error.hint(format!("name one of these: {known}")) })
}
