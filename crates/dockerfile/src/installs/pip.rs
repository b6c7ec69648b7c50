//! What `pip install`, `pip wheel` and `uv pip install` are told.

use std::path::{Path, PathBuf};

use super::line::{Found, Line, environment};
use super::{Argument, Install, Installs, Kind, Tool};
use crate::copies::normal;
use crate::shell::Command;

/// Options that change what is installed.
const KEPT: [&str; 5] = ["--pre", "--no-deps", "--no-index", "--require-hashes", "--no-build-isolation"];
/// The same with a word that belongs to them.
const KEPT_WITH: [&str; 5] =
    ["--no-binary", "--only-binary", "--index-url", "--extra-index-url", "--config-settings"];
/// Options that say how, not what, or where in an image.
const LEFT: [&str; 32] = [
    "--no-cache-dir",
    "--no-cache",
    "--user",
    "--break-system-packages",
    "--disable-pip-version-check",
    "--no-warn-script-location",
    "--no-python-version-warning",
    "--no-input",
    "--quiet",
    "-q",
    "-qq",
    "-qqq",
    "--verbose",
    "-v",
    "-vv",
    "-vvv",
    "--system",
    "--ignore-installed",
    "-I",
    "--force-reinstall",
    "--no-compile",
    "--compile",
    "--compile-bytecode",
    "--upgrade",
    "-U",
    "--prefer-binary",
    "--use-pep517",
    "--isolated",
    "--no-clean",
    "--strict",
    "--no-color",
    "--require-virtualenv",
];
/// The same with a word that belongs to them.
const LEFT_WITH: [&str; 18] = [
    "--root-user-action",
    "--progress-bar",
    "--cache-dir",
    "--python",
    "-p",
    "--link-mode",
    "--log",
    "--src",
    "--report",
    "--exists-action",
    "--timeout",
    "--default-timeout",
    "--retries",
    "--use-deprecated",
    "--use-feature",
    "--upgrade-strategy",
    "--index-strategy",
    "--trusted-host",
];
/// Options that say where.
const PLACES: [&str; 6] = ["--prefix", "--target", "-t", "--root", "--wheel-dir", "-w"];
/// Options before a file or folder.
const FILES: [(&str, &str); 9] = [
    ("-r", "-r"),
    ("--requirement", "-r"),
    ("--requirements", "-r"),
    ("-c", "-c"),
    ("--constraint", "-c"),
    ("--constraints", "-c"),
    ("-f", "-f"),
    ("--find-links", "-f"),
    ("-e", "-e"),
];

/// Whether an option has the next word for itself.
pub(super) fn takes_word(option: &str) -> bool {
    LEFT_WITH.contains(&option) || KEPT_WITH.contains(&option)
}

pub(super) fn read(command: &Command, words: &[String], line: &Line<'_>, installs: &mut Installs) -> Found {
    let is_wheel = command.words.get(1).is_some_and(|word| word == "wheel");
    let mut reading =
        Reading { command, line, place: None, arguments: Vec::new(), exported: Vec::new(), lost: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        // `--index-url=x`, `-rfile`
        let (name, own) = split(word);
        let mut value = || own.map(str::to_owned).or_else(|| words.next().cloned()).unwrap_or_default();
        if !word.starts_with('-') {
            reading.word(word, installs);
        } else if let Some((_, option)) = FILES.iter().find(|(option, _)| *option == name) {
            reading.file(option, &value(), installs);
        } else if name == "--editable" {
            reading.file("-e", &value(), installs);
        } else if PLACES.contains(&name) {
            reading.place = Some(normal(&command.directory.join(value())));
        } else if is_wheel && name == "--no-deps" {
            // What is made of it is installed with what it needs.
        } else if let Some(option) = KEPT.iter().find(|option| **option == name) {
            reading.arguments.push(Argument::Option(option, None));
        } else if let Some(option) = KEPT_WITH.iter().find(|option| **option == name) {
            reading.arguments.push(Argument::Option(option, Some(value())));
        } else if name == "-i" {
            reading.arguments.push(Argument::Option("--index-url", Some(value())));
        } else if name == "--prerelease" {
            let is_allowed = value() == "allow";
            reading.arguments.extend(is_allowed.then_some(Argument::Option("--pre", None)));
        } else if LEFT_WITH.contains(&name) {
            drop(value());
        } else if !LEFT.contains(&word.as_str()) {
            reading.lost = true;
        }
    }
    let Reading { place, arguments, exported, lost, .. } = reading;
    let usual = || if is_wheel { command.directory.clone() } else { environment(command) };
    let place = place.unwrap_or_else(usual);
    if lost {
        return Found::Unclear;
    }
    let exports = exported.into_iter().map(|install| Install { place: place.clone(), ..install });
    installs.all.extend(exports.filter(|_| command.certain));
    let installs_something = arguments.iter().any(|argument| match argument {
        Argument::Package(_) | Argument::Local(..) => true,
        Argument::File(option, _) => *option == "-r",
        Argument::Option(..) | Argument::Links(_) => false,
    });
    if !installs_something {
        return Found::Clear;
    }
    let directory = line.place(&command.directory).filter(|place| place.is_dir());
    let of_file = || {
        arguments.iter().find_map(|argument| match argument {
            Argument::File(_, file) => file.parent().map(Path::to_owned),
            Argument::Local(folder, _) => Some(folder.clone()),
            Argument::Package(_) | Argument::Option(..) | Argument::Links(_) => None,
        })
    };
    let directory = directory.or_else(of_file).unwrap_or_default();
    let by_uv = command.words.first().is_some_and(|first| first == "uv" || first.ends_with("/uv"));
    Found::Install { kind: Kind::Pip { arguments, by_uv }, place, directory }
}

fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    match word.split_at_checked(2) {
        Some((name @ ("-r" | "-c" | "-e" | "-f" | "-i" | "-t" | "-w"), value)) if !value.is_empty() => {
            (name, Some(value))
        }
        Some(_) | None => (word, None),
    }
}

struct Reading<'r> {
    command: &'r Command,
    line: &'r Line<'r>,
    place: Option<PathBuf>,
    arguments: Vec<Argument>,
    /// What a file says that a lock file was written down in.
    exported: Vec<Install>,
    /// Whether something is not understood.
    lost: bool,
}

impl Reading<'_> {
    fn inside(&self, path: &str) -> PathBuf {
        normal(&self.command.directory.join(path.trim_start_matches("file://")))
    }

    /// A package, or a folder or archive.
    fn word(&mut self, word: &str, installs: &mut Installs) {
        let (path, extras) = match word.find('[') {
            Some(at) => (&word[..at], &word[at..]),
            None => (word, ""),
        };
        let is_archive = [".whl", ".tar.gz", ".zip", ".whl/*"].iter().any(|end| path.ends_with(end));
        let is_path = path.starts_with(['.', '/'])
            || path.starts_with("file:")
            || (is_archive && !path.contains("://"))
            || (path.contains('/') && !path.contains("://") && !path.contains('@'));
        if is_path {
            return self.local(path, extras, installs);
        }
        let name = word.split(['=', '<', '>', '~', '!', '[', ';', '@', ' ']).next().unwrap_or_default();
        match (name.to_ascii_lowercase().as_str(), Tool::called(name)) {
            (_, Some(tool @ (Tool::Uv | Tool::Poetry | Tool::Pipenv))) => {
                installs.tools.insert(tool, word.to_owned());
            }
            // A virtual environment has one of its own.
            ("pip", _) => {}
            _ => self.arguments.push(Argument::Package(word.to_owned())),
        }
    }

    fn local(&mut self, path: &str, extras: &str, installs: &Installs) {
        let inside = self.inside(path);
        // What wheels were made of before is installed already.
        let is_made = |install: &Install| match &install.kind {
            Kind::Pip { .. } => {
                inside.starts_with(&install.place) && install.place != Path::new("/usr/local")
            }
            Kind::Sync { .. }
            | Kind::Export { .. }
            | Kind::Modules { .. }
            | Kind::Globals(_)
            | Kind::Gems { .. } => false,
        };
        match self.line.place(&inside) {
            Some(place) => self.arguments.push(Argument::Local(place, extras.to_owned())),
            None => self.lost |= !installs.all.iter().any(is_made),
        }
    }

    fn file(&mut self, option: &'static str, path: &str, installs: &mut Installs) {
        if option == "-e" {
            return self.word(path, installs);
        }
        if path.contains("://") {
            self.lost |= option != "-f";
            return;
        }
        let inside = self.inside(path);
        let exported = installs.all.iter().find(|install| match install.kind {
            Kind::Export { .. } => install.place == inside,
            Kind::Pip { .. }
            | Kind::Sync { .. }
            | Kind::Modules { .. }
            | Kind::Globals(_)
            | Kind::Gems { .. } => false,
        });
        if let (Some(export), "-r") = (exported, option)
            && let Kind::Export { tool, only_main } = export.kind
        {
            let kind = Kind::Sync { tool, arguments: super::sync::arguments(tool, only_main) };
            return self.exported.push(Install { kind, ..export.clone() });
        }
        match (self.line.place(&inside), option) {
            (Some(place), "-f") => self.arguments.push(Argument::Links(place)),
            // Wheels that were made before.
            (None, "-f") => {
                self.arguments.retain(|argument| *argument != Argument::Option("--no-index", None));
            }
            (Some(place), option) => self.arguments.push(Argument::File(option, place)),
            (None, _) => self.lost = true,
        }
    }
}
