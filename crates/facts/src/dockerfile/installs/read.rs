//! Which commands install something.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Install, Installs, Kind, Tool, modules, pip, sync, system};
use crate::dockerfile::copies::{Copies, normal};
use crate::dockerfile::shell::{Command, Start, commands};

/// Words before a command that change nothing of what it installs.
const WRAPPERS: [&str; 6] = ["sudo", "exec", "command", "nice", "env", "then"];

/// A `RUN` line in its stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'l> {
    /// What it runs, after its options.
    pub(crate) text: &'l str,
    /// What it mounts for itself (`--mount=type=bind`): places in the image, and on this machine.
    pub(crate) mounts: &'l [(PathBuf, PathBuf)],
    /// The files of the project's own.
    pub(crate) copies: &'l Copies,
    /// Where it works.
    pub(crate) directory: &'l Path,
    /// Its variables.
    pub(crate) variables: &'l BTreeMap<String, String>,
}

impl Line<'_> {
    /// The place on this machine of a path in the image.
    pub(super) fn place(&self, path: &Path) -> Option<PathBuf> {
        let mounted = self.mounts.iter().rev().find_map(|(target, source)| {
            let rest = path.strip_prefix(target).ok()?;
            let place = if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) };
            place.exists().then_some(place)
        });
        mounted.or_else(|| self.copies.place(path))
    }

    /// The directory of this machine in which the project has `file`, where the image has it in `directory`.
    pub(super) fn directory_of(&self, directory: &Path, file: &str) -> Option<PathBuf> {
        let place = self.place(&directory.join(file)).filter(|place| place.is_file())?;
        place.parent().map(Path::to_owned)
    }
}

/// Adds what a line installs.
pub(crate) fn read(line: &Line<'_>, installs: &mut Installs) {
    let has = |path: &Path| line.place(path).is_some();
    let start = Start { directory: line.directory, variables: line.variables, has: &has };
    for command in commands(line.text, start) {
        let Some(bare) = bare(&command) else { continue };
        match recognise(&bare, line, installs) {
            Found::Nothing => {}
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

/// What a command is.
pub(super) enum Found {
    /// Nothing that installs.
    Nothing,
    /// It installs something, and it is not clear what.
    Unclear,
    /// What it installs is noted already.
    Clear,
    /// It installs this.
    Install {
        /// What.
        kind: Kind,
        /// Where in the image.
        place: PathBuf,
        /// Where it is in the project.
        directory: PathBuf,
    },
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
    let is_python = name.starts_with("python") && words.get(1).is_some_and(|word| word == "-m");
    if is_python && let Some(module) = words.get(2).cloned() {
        let module = match first.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{module}"),
            None => module,
        };
        words.splice(..3, [module]);
    }
    Some(Command { words, ..command.clone() })
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
        _ => system::read(name, rest, command, installs),
    }
}

/// `pip`, `pip3`, `pip3.12`
fn is_pip(name: &str) -> bool {
    name.strip_prefix("pip").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// The virtual environment that a command fills, and else the image's own place for packages.
pub(super) fn environment(command: &Command) -> PathBuf {
    let first = command.words.first().map(String::as_str).unwrap_or_default();
    if let Some(folder) = first.strip_suffix("/pip").and_then(|folder| folder.strip_suffix("/bin"))
        && !matches!(folder, "/usr" | "/usr/local" | "")
    {
        return normal(&command.directory.join(folder));
    }
    if let Some(active) = command.variables.get("VIRTUAL_ENV").filter(|path| !path.is_empty()) {
        return PathBuf::from(active);
    }
    // `ENV PATH=/opt/venv/bin:$PATH`
    let path = command.variables.get("PATH").map(String::as_str).unwrap_or_default();
    let first = path.split(':').next().and_then(|first| first.strip_suffix("/bin")).unwrap_or_default();
    let is_of_system = matches!(first, "" | "/usr" | "/usr/local") || first.ends_with("/.local");
    if is_of_system { PathBuf::from("/usr/local") } else { PathBuf::from(first) }
}
