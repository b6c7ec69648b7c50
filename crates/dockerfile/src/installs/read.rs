//! Which commands install something.

use std::path::Path;

use super::effects::changes;
use super::line::{Found, Line};
use super::{Install, Installs, Tool, modules, moving, pip, sync, system};
use crate::brought::{is_script, runs_what_it_is_handed, script_of};
use crate::copies::normal;
use crate::shell::{Command, Start, commands};

/// Words before a command that change nothing of what it installs.
const WRAPPERS: [&str; 6] = ["sudo", "exec", "command", "nice", "env", "then"];

/// Adds what a line installs.
pub(crate) fn read(line: &Line<'_>, installs: &mut Installs) {
    let place = |path: &Path| line.place(path);
    let start = Start { directory: line.directory, variables: line.variables, place: &place };
    let commands = commands(line.text, start);
    let fetches_tool = commands.iter().any(|command| command.words.iter().any(|word| is_script(word)));
    for command in commands {
        let Some(bare) = bare(&command) else { continue };
        if is_about_tool(&bare, line, fetches_tool) {
            continue;
        }
        match recognise(&bare, line, installs) {
            Found::Nothing if changes(&bare, line) => {
                if !installs.undone.contains(&command.said) {
                    installs.undone.push(command.said.clone());
                }
            }
            Found::Nothing | Found::Understood => {}
            Found::Unclear => {
                if !installs.unclear.contains(&command.said) {
                    installs.unclear.push(command.said.clone());
                }
            }
            Found::Clear if command.certain => {}
            Found::Install { kind, place, directory } if command.certain => installs.all.push(Install {
                said: command.said.clone(),
                place,
                directory,
                variables: command.variables.clone(),
                kind,
            }),
            Found::Clear | Found::Install { .. } => installs.unclear.push(command.said.clone()),
        }
    }
}

/// Whether a command does nothing but bring a tool that installs packages: one that is needed is looked for here, or fetched.
fn is_about_tool(command: &Command, line: &Line<'_>, fetches_tool: bool) -> bool {
    let is_added = |script: &str| {
        let path = normal(&command.directory.join(script));
        line.copies.made.iter().any(|(target, what)| *target == path && is_script(what))
    };
    command.words.iter().any(|word| is_script(word))
        || (fetches_tool && runs_what_it_is_handed(&command.words))
        || script_of(&command.words).is_some_and(is_added)
}

/// The command without what stands before it, and `python -m pip` as `pip`.
fn bare(command: &Command) -> Option<Command> {
    let mut words = command.words.clone();
    while let Some(first) = words.first() {
        let is_wrapper = WRAPPERS.contains(&first.as_str());
        let is_assignment = first.contains('=') && !first.starts_with('-');
        if !is_wrapper && !is_assignment {
            break;
        }
        words.remove(0);
    }
    let first = words.first()?.clone();
    let name = Path::new(&first).file_name()?.to_str()?.to_owned();
    // `python -mvenv`
    let joined = words.get(1).and_then(|word| word.strip_prefix("-m")).filter(|rest| !rest.is_empty());
    if let Some(module) = joined.filter(|_| name.starts_with("python")) {
        let both = ["-m".to_owned(), module.to_owned()];
        words.splice(1..2, both);
    }
    let is_python = name.starts_with("python") && words.get(1).is_some_and(|word| word == "-m");
    if is_python && let Some(module) = words.get(2).cloned() {
        let module = match first.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{module}"),
            None => module,
        };
        words.splice(..3, [module]);
    }
    verb_first(&mut words);
    Some(Command { words, ..command.clone() })
}

/// Has the options that some tools take before what they are to do (`pip --no-input install`) after it.
fn verb_first(words: &mut [String]) {
    let name = words.first().map(|first| Path::new(first).file_name().unwrap_or_default().to_string_lossy());
    let name = name.unwrap_or_default().into_owned();
    if !is_pip(&name) && !["uv", "poetry", "pipenv"].contains(&name.as_str()) {
        return;
    }
    let mut verb = 1;
    while let Some(word) = words.get(verb).filter(|word| word.starts_with('-')) {
        verb += if pip::takes_word(word) { 2 } else { 1 };
    }
    let length = if name == "uv" && words.get(verb).is_some_and(|word| word == "pip") { 2 } else { 1 };
    if let Some(part) = words.get_mut(1..verb + length) {
        part.rotate_right(length);
    }
}

fn recognise(command: &Command, line: &Line<'_>, installs: &mut Installs) -> Found {
    let first = command.words.first().map(String::as_str).unwrap_or_default();
    let name = Path::new(first).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let rest = &command.words[1..];
    let second = rest.first().map(String::as_str).unwrap_or_default();
    match (name, second) {
        (name, "install" | "wheel") if is_pip(name) => pip::read(command, &rest[1..], line, installs),
        ("uv", "pip") if rest.get(1).is_some_and(|word| word == "install") => {
            pip::read(command, &rest[2..], line, installs)
        }
        ("uv", "sync") => sync::uv(command, &rest[1..], line),
        ("uv" | "poetry", "export") | ("pipenv", "requirements") => {
            sync::export(command, Tool::called(name).unwrap_or(Tool::Uv), &rest[1..], line)
        }
        ("poetry", "install" | "sync") => sync::poetry(command, &rest[1..], line),
        ("pipenv", "install" | "sync") => sync::pipenv(command, rest, line),
        ("npm" | "pnpm" | "yarn", _) => modules::read(command, name, rest, line, installs),
        ("corepack", "prepare" | "install" | "use") => modules::prepared(rest, installs),
        ("bundle", "install" | "") => sync::bundle(command, rest, line),
        ("pipx", "install") => sync::tool_of_pip(rest, installs),
        ("cp" | "mv", _) => moving::read(command, name, rest, line, installs),
        ("sed", _) if moving::is_without_effect(command, rest, line) => Found::Understood,
        ("dos2unix", _) if moving::have_no_returns(rest, command, line) => Found::Understood,
        _ => system::read(name, rest, command, line, installs),
    }
}

/// `pip`, `pip3`, `pip3.12`
fn is_pip(name: &str) -> bool {
    name.strip_prefix("pip").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}
