//! Commands whose effect on the image nothing has here.

use std::path::Path;

use super::line::Line;
use crate::copies::normal;
use crate::shell::Command;

/// Programs after which an image is as before, or which only tidy up what installing has left.
const QUIET: [&str; 29] = [
    ":",
    "[",
    "cd",
    "command",
    "compileall",
    "date",
    "dpkg",
    "exit",
    "export",
    "false",
    "hash",
    "id",
    "ldconfig",
    "ls",
    "pwd",
    "read",
    "return",
    "rm",
    "set",
    "shopt",
    "sleep",
    "sync",
    "test",
    "true",
    "trap",
    "type",
    "umask",
    "uname",
    "which",
];
/// Programs after which other users are there, or own files: a service runs as whoever starts it, which is told where its Dockerfile
/// has another user.
const OF_USERS: [&str; 12] = [
    "addgroup", "adduser", "chgrp", "chown", "delgroup", "deluser", "groupadd", "groupdel", "groupmod",
    "useradd", "userdel", "usermod",
];
/// Programs whose output alone matters.
const SPEAKING: [&str; 4] = ["cat", "echo", "env", "printf"];
/// Programs that install, of which other verbs than those that are understood only prepare or tidy up.
const INSTALLERS: [&str; 22] = [
    "apk",
    "apt",
    "apt-get",
    "aptitude",
    "bundle",
    "corepack",
    "dnf",
    "gem",
    "microdnf",
    "npm",
    "pip",
    "pip3",
    "pipenv",
    "pipx",
    "pnpm",
    "poetry",
    "uv",
    "venv",
    "virtualenv",
    "yarn",
    "yum",
    "zypper",
];
/// Their verbs that run something.
const RUNS: [&str; 4] = ["exec", "run", "run-script", "rake"];

/// Whether a command that nothing else is known of changes something of its image that is not so here.
pub(crate) fn changes(command: &Command, line: &Line<'_>) -> bool {
    let Some((first, rest)) = command.words.split_first() else { return false };
    let name = Path::new(first).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let asks = rest.len() == 1 && matches!(rest[0].as_str(), "--version" | "-V" | "-v" | "--help");
    let plain = rest.iter().filter(|word| !word.starts_with('-'));
    match name {
        _ if command.output.is_some() => {
            command.output.as_deref() != Some(Path::new("/dev/null")) || !is_quiet(name)
        }
        _ if asks || is_quiet(name) => false,
        _ if INSTALLERS.contains(&name) => {
            plain.clone().next().is_some_and(|verb| RUNS.contains(&verb.as_str()))
        }
        "chmod" => !plain.clone().next().is_some_and(|mode| makes_executable(mode) || is_of_others(mode)),
        // What is there in any case.
        "mkdir" => !plain.clone().all(|path| {
            let path = normal(&command.directory.join(path));
            line.place(&path).is_some() || line.directory.starts_with(&path) || has_below(line, &path)
        }),
        _ => true,
    }
}

fn is_quiet(name: &str) -> bool {
    QUIET.contains(&name) || OF_USERS.contains(&name) || SPEAKING.contains(&name)
}

/// A mode after which files can be run: that they are is seen to.
fn makes_executable(mode: &str) -> bool {
    let is_number = mode.chars().all(|c| c.is_digit(8));
    match mode.rsplit_once('+') {
        Some((_, what)) => what.contains(['x', 'X']),
        None => is_number && mode.chars().next_back().is_some_and(|last| "157".contains(last)),
    }
}

/// A mode for others than the owner, as whom a service runs: `g=u`, `go-w`.
fn is_of_others(mode: &str) -> bool {
    mode.split(',').all(|part| {
        let who = part.split(['=', '+', '-']).next().unwrap_or_default();
        !who.is_empty() && who.len() < part.len() && who.chars().all(|c| matches!(c, 'g' | 'o'))
    })
}

fn has_below(line: &Line<'_>, path: &Path) -> bool {
    line.copies.places.iter().any(|(target, _)| target.starts_with(path))
}
