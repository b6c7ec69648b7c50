//! What npm, pnpm and yarn are told.

use std::path::Path;

use super::folder::{SETTINGS, folder_of_modules};
use super::line::{Found, Line};
use super::{Build, Installs, Kind, Tool};
use crate::copies::normal;
use crate::shell::Command;

/// Verbs that install what `package.json` says.
const INSTALL: [&str; 5] = ["ci", "install", "i", "clean-install", "add"];
/// Options with a word that belongs to them, which say where or how.
const LEFT_WITH: [&str; 8] = [
    "--cache",
    "--registry",
    "--loglevel",
    "--network-timeout",
    "--store-dir",
    "--cache-folder",
    "--mutex",
    "--fetch-timeout",
];
/// Verbs that begin what the project makes of its files.
const RUNS: [&str; 4] = ["run", "run-script", "exec", "rebuild"];

pub(super) fn read(
    command: &Command,
    name: &str,
    words: &[String],
    line: &Line<'_>,
    installs: &mut Installs,
) -> Found {
    let tool = Tool::called(name).unwrap_or(Tool::Npm);
    let mut directory = command.directory.clone();
    let (mut plain, mut arguments, mut is_global) = (Vec::new(), Vec::new(), false);
    let mut folder = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, own) =
            word.split_once('=').map_or((word.as_str(), None), |(name, own)| (name, Some(own)));
        let mut value = || own.map(str::to_owned).or_else(|| words.next().cloned()).unwrap_or_default();
        match option {
            "--prefix" | "-C" | "--cwd" | "--dir" => directory = normal(&directory.join(value())),
            "--modules-folder" | "--modules-dir" => folder = Some(value()),
            "-g" | "--global" | "--location" => is_global = true,
            // What follows is for what is run.
            "--" => break,
            option if LEFT_WITH.contains(&option) => drop(value()),
            option if option.starts_with('-') => arguments.push(word.clone()),
            _ => plain.push(word.clone()),
        }
    }
    let (verb, packages) = match plain.split_first() {
        None => ("install", &[][..]),
        Some((first, rest)) if tool == Tool::Yarn && first == "global" => {
            is_global = true;
            (rest.first().map_or("", String::as_str), rest.get(1..).unwrap_or_default())
        }
        Some((first, rest)) => (first.as_str(), rest),
    };
    if plain.is_empty() && tool != Tool::Yarn {
        return Found::Nothing;
    }
    if INSTALL.contains(&verb) && is_global {
        return globals(packages, command, installs);
    }
    if INSTALL.contains(&verb) {
        let found = line.directory_of(&directory, "package.json").filter(|_| packages.is_empty());
        let Some(found) = found else { return Found::Unclear };
        let verb = if tool == Tool::Npm && matches!(verb, "ci" | "clean-install") { "ci" } else { "install" };
        let arguments = [verb.to_owned()].into_iter().chain(arguments).collect();
        let folder = folder.or_else(|| folder_of_settings(&directory, line));
        let place = normal(&directory.join(folder.as_deref().unwrap_or("node_modules")));
        return Found::Install { kind: Kind::Modules { tool, arguments }, place, directory: found };
    }
    let is_build = RUNS.contains(&verb) || (tool != Tool::Npm && verb.contains("build"));
    if is_build && command.certain {
        installs.builds.push(Build::of(command, directory, line));
        return Found::Understood;
    }
    Found::Nothing
}

/// Where the settings beside `package.json` have its modules.
fn folder_of_settings(directory: &Path, line: &Line<'_>) -> Option<String> {
    let files = SETTINGS.iter().filter_map(|name| line.place(&directory.join(name)));
    let mut texts = files.filter_map(|file| backlot_files::text(&file).ok());
    texts.find_map(|text| text.lines().find_map(folder_of_modules).map(str::to_owned))
}

/// Tools, and packages that bring programs.
fn globals(packages: &[String], command: &Command, installs: &mut Installs) -> Found {
    let mut others = Vec::new();
    for package in packages {
        let name = package.rsplit_once('@').filter(|(name, _)| !name.is_empty());
        let name = name.map_or(package.as_str(), |(name, _)| name);
        match (name, Tool::called(name)) {
            ("npm" | "corepack", _) => {}
            (_, Some(tool @ (Tool::Pnpm | Tool::Yarn))) => drop(installs.tools.insert(tool, package.clone())),
            _ => others.push(package.clone()),
        }
    }
    if others.is_empty() {
        return Found::Clear;
    }
    let directory = command.directory.clone();
    Found::Install { kind: Kind::Globals(others), place: "/usr/local/lib/node_modules".into(), directory }
}

/// `corepack prepare pnpm@9 --activate`
pub(super) fn prepared(words: &[String], installs: &mut Installs) -> Found {
    for word in words.iter().skip(1).filter(|word| !word.starts_with('-')) {
        let name = word.split('@').next().unwrap_or_default();
        if let Some(tool) = Tool::called(name) {
            installs.tools.insert(tool, word.split('+').next().unwrap_or_default().to_owned());
        }
    }
    Found::Clear
}
