//! `backlot init` in a project that is there: it gets a Compose file, after that was shown.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::beside;
use super::found::Found;
use super::unwritable::unwritable;
use crate::commands::down::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// What is written.
const FILE: &str = "compose.yaml";

pub(super) fn adopt(directory: &Path, yes: bool, context: &Context) -> Result<Exit, CommandError> {
    if let Ok(project) = context.project() {
        return beside::add(&project, yes, context);
    }
    let Some(found) = Found::in_directory(directory) else {
        let error = format!("nothing in {} tells what would run", directory.display());
        let hint = "known are Django, FastAPI and Flask, package.json with a `dev` or `start` script, Rails, Rust and Go; for a new \
                    project: `backlot init NAME --template flask`";
        return Err(CommandError::failed("unknown-project", error).hint(hint));
    };
    let built = found.dockerfile().map(|text| ("Dockerfile", text));
    let files: Vec<(&str, String)> = built.into_iter().chain([(FILE, found.compose())]).collect();
    let path = |name: &str| directory.join(name);
    if context.global.dry_run {
        let steps: Vec<String> =
            files.iter().map(|(name, _)| format!("write {}", path(name).display())).collect();
        return context.show_steps(&steps);
    }
    if !context.global.quiet && !context.global.json {
        for (name, text) in &files {
            context.progress().say(&format!("{name} would be:\n\n{text}"));
        }
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let names = names.join(" and ");
    let question = format!("Write {names} in {}?", directory.display());
    ask(&question, ("files would be written", "nothing was written"), yes, context)?;
    for (name, text) in &files {
        let file = OpenOptions::new().write(true).create_new(true).open(path(name));
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| unwritable(&path(name), &error))?;
    }
    if context.global.json {
        let paths: Vec<_> = files.iter().map(|(name, _)| path(name)).collect();
        render::json(&json!({ "files": paths }));
    } else if !context.global.quiet {
        render::line(&format!("{names}: written, and yours to change\n  backlot up"));
    }
    Ok(Exit::Done)
}
