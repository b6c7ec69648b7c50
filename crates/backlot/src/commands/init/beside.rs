//! `backlot init` beside a Compose file: what would be added to it is shown, and asked for.

use std::fs;

use backlot_engine::schema::{self, Tool};
use backlot_project::{Location, Project};
use serde_json::json;

use super::unwritable::unwritable;
use crate::commands::down::ask;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

pub(super) fn add(project: &Project, yes: bool, context: &Context) -> Result<Exit, CommandError> {
    let environment = context.environment(project)?;
    let unused = schema::unused(&environment.stack, project.root(), environment.for_all);
    let found = unused.into_iter().find_map(|(service, tool)| {
        let location = environment.stack.services.get(&service?)?.location.clone();
        Some((location, tool))
    });
    let Some((location, tool)) = found else {
        let error =
            format!("{} has files that say what runs: there is nothing to write", project.root().display());
        return Err(CommandError::failed("exists", error)
            .hint("see what they say: `backlot config`; run it: `backlot up`"));
    };
    let path = &location.path;
    let text = backlot_files::text(path).map_err(|error| CommandError::failed("io", error))?;
    let shown = path.display();
    let Some((text, lines)) = with_migration(&text, &location, tool) else {
        let error = format!("{shown} is used as it is, and not written so that a line could be added to it");
        let hint = format!(
            "write it yourself: x-backlot: {{migrate: {}}} in the service at {location}",
            tool.command
        );
        return Err(CommandError::failed("exists", error).hint(hint));
    };
    if context.global.dry_run {
        return context.show_steps(&[format!(
            "add to {shown}, after line {}: {}",
            location.line,
            lines.trim()
        )]);
    }
    if !context.global.quiet && !context.global.json {
        let name = tool.name;
        context.progress().say(&format!(
            "{shown} is used as it is. {name}'s migrations are run by nothing in it; after line {}, this would be added:\n\n{lines}",
            location.line
        ));
    }
    ask(&format!("Add it to {shown}?"), ("a file would be changed", "nothing was written"), yes, context)?;
    fs::write(path, text).map_err(|error| unwritable(path, &error))?;
    if context.global.json {
        render::json(&json!({ "files": [path] }));
    } else if !context.global.quiet {
        render::line(&format!("{shown}: added\n  backlot up"));
    }
    Ok(Exit::Done)
}

/// The text with what migrates added to the service whose name is at `location`, and the lines that are added; none where the service is not
/// written as a block of lines, or has an `x-backlot` already.
fn with_migration(text: &str, location: &Location, tool: Tool) -> Option<(String, String)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_told = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let key = lines.get(location.line.checked_sub(1)?)?;
    let after = &lines[location.line..];
    let first = after.iter().find(is_told)?;
    let is_block = key.trim_end().ends_with(':') && key.ends_with('\n') && indent(first) > indent(key);
    let mut own = after.iter().filter(is_told).take_while(|line| indent(line) > indent(key));
    if !is_block || own.any(|line| line.trim_start().starts_with("x-backlot")) {
        return None;
    }
    let within = " ".repeat(indent(first));
    let added = format!("{within}x-backlot:\n{within}  migrate: {}\n", tool.command);
    let at: usize = lines[..location.line].iter().map(|line| line.len()).sum();
    Some((format!("{}{added}{}", &text[..at], &text[at..]), added))
}

#[cfg(test)]
mod tests {
    use backlot_engine::schema::tool_in;
    use backlot_project::Location;

    use super::with_migration;

    #[test]
    fn lines_are_added_to_a_block_and_to_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("alembic.ini"), "").unwrap();
        let tool = tool_in(dir.path()).unwrap();
        let with = |text: &str| {
            let location = Location { path: "compose.yaml".into(), line: 2, column: 3 };
            with_migration(text, &location, tool).map(|(text, _)| text)
        };
        assert_eq!(
            with("services:\n  web:\n    # a page\n    build: .\n").as_deref(),
            Some(
                "services:\n  web:\n    x-backlot:\n      migrate: alembic upgrade head\n    # a page\n    build: .\n"
            )
        );
        for other in [
            "services:\n  web: {build: .}\n",
            "services:\n  web:\n    build: .\n    x-backlot: {command: x}\n",
            "services:\n  web: &web\n    build: .\n",
            "services:\n  web:\n",
            "",
        ] {
            assert_eq!(with(other), None, "{other}");
        }
    }
}
