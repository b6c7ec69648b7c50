//! `backlot init` in a project that is there: it gets a Compose file, after that was shown.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::found::Found;
use super::unwritable;
use crate::commands::down::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// What is written.
const FILE: &str = "compose.yaml";

pub(super) fn adopt(directory: &Path, yes: bool, context: &Context) -> Result<Exit, CommandError> {
    if let Ok(project) = context.project() {
        let error =
            format!("{} has files that say what runs: there is nothing to write", project.root().display());
        return Err(CommandError::failed("exists", error)
            .hint("see what they say: `backlot config`; run it: `backlot up`"));
    }
    let Some(found) = Found::in_directory(directory) else {
        let error = format!("nothing in {} tells what would run", directory.display());
        let hint = "known are Django, FastAPI and Flask, package.json with a `dev` or `start` script, Rails, Rust and Go; for a new \
                    project: `backlot init NAME --template flask`";
        return Err(CommandError::failed("unknown-project", error).hint(hint));
    };
    let (path, text) = (directory.join(FILE), found.compose());
    if context.global.dry_run {
        return context.show_steps(&[format!("write {}", path.display())]);
    }
    if !context.global.quiet && !context.global.json {
        context.progress().say(&format!("{FILE} would be:\n\n{text}"));
    }
    let question = format!("Write {}?", path.display());
    ask(&question, ("a file would be written", "nothing was written"), yes, context)?;
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unwritable(&path, &error))?;
    if context.global.json {
        render::json(&json!({ "file": path }));
    } else if !context.global.quiet {
        render::line(&format!("{FILE} is written: it is yours to change\n  backlot up"));
    }
    Ok(Exit::Done)
}
