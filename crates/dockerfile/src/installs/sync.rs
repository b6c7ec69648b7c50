//! What the lock files of Python and Ruby projects say.

use std::path::PathBuf;

use super::line::{Found, Line, environment};
use super::{Installs, Kind, Tool};
use crate::copies::normal;
use crate::shell::Command;

/// Options of uv that say where, or how.
const LEFT_OF_UV: [&str; 8] =
    ["--no-cache", "--system", "--compile-bytecode", "--no-progress", "-q", "--quiet", "-v", "--no-editable"];
/// The same with a word.
const LEFT_OF_UV_WITH: [&str; 6] =
    ["--link-mode", "--python", "-p", "--cache-dir", "--project", "--directory"];

/// The arguments with which a tool installs what it would have written down.
pub(super) fn arguments(tool: Tool, only_main: bool) -> Vec<String> {
    let words: &[&str] = match (tool, only_main) {
        (Tool::Uv, true) => &["--frozen", "--no-dev", "--no-install-project"],
        (Tool::Uv, false) => &["--frozen", "--no-install-project"],
        (Tool::Poetry, true) => &["--no-root", "--only", "main"],
        (Tool::Poetry, false) => &["--no-root"],
        (Tool::Pipenv, true) => &["sync"],
        (Tool::Pipenv, false) => &["sync", "--dev"],
        (Tool::Npm | Tool::Pnpm | Tool::Yarn, _) => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) fn uv(command: &Command, words: &[String], line: &Line<'_>) -> Found {
    let mut directory = command.directory.clone();
    let mut arguments = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, own) = word.split_once('=').map_or((word.as_str(), None), |(name, own)| (name, Some(own)));
        if LEFT_OF_UV_WITH.contains(&name) {
            let value = own.map(str::to_owned).or_else(|| words.next().cloned()).unwrap_or_default();
            if matches!(name, "--project" | "--directory") {
                directory = normal(&directory.join(value));
            }
        } else if !LEFT_OF_UV.contains(&name) {
            arguments.push(word.clone());
        }
    }
    let place = match command.variables.get("UV_PROJECT_ENVIRONMENT") {
        Some(place) => normal(&directory.join(place)),
        None => directory.join(".venv"),
    };
    found(command, line, "pyproject.toml", Kind::Sync { tool: Tool::Uv, arguments }, (directory, place))
}

pub(super) fn poetry(command: &Command, words: &[String], line: &Line<'_>) -> Found {
    let left =
        ["--no-interaction", "-n", "--no-ansi", "--no-cache", "--sync", "-q", "-v", "-vv", "-vvv", "--quiet"];
    let arguments = words.iter().filter(|word| !left.contains(&word.as_str())).cloned().collect();
    let at = (command.directory.clone(), own_or_usual(command));
    found(command, line, "pyproject.toml", Kind::Sync { tool: Tool::Poetry, arguments }, at)
}

/// Its environment is in the project's folder, or the image's own, as its settings say: both are taken for it.
fn own_or_usual(command: &Command) -> PathBuf {
    let in_project = command.variables.iter().any(|(name, value)| {
        matches!(name.as_str(), "POETRY_VIRTUALENVS_IN_PROJECT" | "PIPENV_VENV_IN_PROJECT")
            && matches!(value.as_str(), "1" | "true" | "True")
    });
    if in_project { command.directory.join(".venv") } else { environment(command) }
}

pub(super) fn pipenv(command: &Command, words: &[String], line: &Line<'_>) -> Found {
    let mut arguments: Vec<String> = words.iter().filter(|word| *word != "--system").cloned().collect();
    if arguments.iter().skip(1).any(|word| !word.starts_with('-')) {
        // It would be added to the project's Pipfile.
        return Found::Unclear;
    }
    if line.place(&command.directory.join("Pipfile.lock")).is_some() {
        // What is locked is installed, and nothing is locked anew.
        arguments.retain(|word| !matches!(word.as_str(), "--deploy" | "--ignore-pipfile" | "--skip-lock"));
        if let Some(verb) = arguments.first_mut() {
            "sync".clone_into(verb);
        }
    }
    let at = (command.directory.clone(), own_or_usual(command));
    found(command, line, "Pipfile", Kind::Sync { tool: Tool::Pipenv, arguments }, at)
}

/// What a lock file says, written down for pip.
pub(super) fn export(command: &Command, tool: Tool, words: &[String], line: &Line<'_>) -> Found {
    let after = |names: [&str; 3]| {
        let own = words.iter().find_map(|word| {
            let (name, own) = word.split_once('=')?;
            names.contains(&name).then(|| own.to_owned())
        });
        let next = || {
            let at = words.iter().position(|word| names.contains(&word.as_str()))?;
            words.get(at + 1).cloned()
        };
        own.or_else(next)
    };
    let named = after(["-o", "--output", "--output-file"]);
    let Some(output) = named.map(|file| normal(&command.directory.join(file))).or(command.output.clone())
    else {
        return Found::Nothing;
    };
    let has = |name: &str| words.iter().any(|word| word == name);
    let only_main = match tool {
        Tool::Uv => has("--no-dev"),
        Tool::Poetry => !(has("--dev") || has("--with") || has("--with=dev")),
        Tool::Pipenv => !(has("--dev") || has("-d")),
        Tool::Npm | Tool::Pnpm | Tool::Yarn => true,
    };
    let file = if tool == Tool::Pipenv { "Pipfile" } else { "pyproject.toml" };
    let at = (command.directory.clone(), output);
    found(command, line, file, Kind::Export { tool, only_main }, at)
}

pub(super) fn bundle(command: &Command, words: &[String], line: &Line<'_>) -> Found {
    let left = ["install", "--quiet", "--system", "--deployment", "--path", "--no-cache"];
    let arguments = words.iter().filter(|word| !left.contains(&word.as_str())).cloned().collect();
    let place =
        command.variables.get("BUNDLE_PATH").map_or_else(|| "/usr/local/bundle".into(), PathBuf::from);
    found(command, line, "Gemfile", Kind::Gems { arguments }, (command.directory.clone(), place))
}

/// A tool that has an environment of its own.
pub(super) fn tool_of_pip(words: &[String], installs: &mut Installs) -> Found {
    for word in words.iter().skip(1).filter(|word| !word.starts_with('-')) {
        let name = word.split(['=', '<', '>', '~', '!', '[']).next().unwrap_or_default();
        match Tool::called(name) {
            Some(tool) => drop(installs.tools.insert(tool, word.clone())),
            None => return Found::Unclear,
        }
    }
    Found::Clear
}

fn found(
    command: &Command,
    line: &Line<'_>,
    file: &str,
    kind: Kind,
    (inside, place): (PathBuf, PathBuf),
) -> Found {
    match line.directory_of(&inside, file) {
        Some(directory) if command.words.iter().all(|word| word != "--help") => {
            Found::Install { kind, place, directory }
        }
        Some(_) => Found::Nothing,
        None => Found::Unclear,
    }
}
