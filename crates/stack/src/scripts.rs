//! Programs of an image's system that the scripts of a service run, and this machine may not have: one that waits for a port by a
//! program that is not there waits for ever.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use backlot_facts::container::Container;
use backlot_state::tools::on_path;

use crate::translation::Translation;
use crate::twins::twins;

/// The programs, and the packages of Debian's that have them.
const PROGRAMS: [(&str, &str); 12] = [
    ("nc", "netcat-openbsd"),
    ("ncat", "ncat"),
    ("netcat", "netcat-openbsd"),
    ("pg_isready", "postgresql-client"),
    ("psql", "postgresql-client"),
    ("redis-cli", "redis-tools"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("jq", "jq"),
    ("envsubst", "gettext-base"),
    ("gosu", "gosu"),
    ("su-exec", "su-exec"),
];
/// What stands before a command and is none.
const BEFORE: [&str; 11] =
    ["while", "until", "if", "elif", "then", "do", "else", "exec", "time", "!", "sudo"];
/// What asks whether a program is there.
const ASKS: [&str; 4] = ["command -v", "which ", "type ", "hash "];
/// What ends a command.
const ENDS: [char; 7] = [';', '|', '&', '(', ')', '`', '{'];

/// A program that a script runs.
#[derive(Debug, PartialEq, Eq)]
struct Used {
    line: usize,
    program: &'static str,
    package: &'static str,
}

/// The program that many scripts wait for a port with. Where this machine has none, we are that, too.
const WAITS: &str = "nc";
/// Those that go on as another user: the same.
const CHANGE: [&str; 2] = ["gosu", "su-exec"];

impl Translation<'_> {
    /// Variables with what scripts may run and this machine has not, last on PATH.
    pub(crate) fn with_stand_ins(&self, mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = twins(self.caller);
        let lacking = [WAITS].into_iter().chain(CHANGE).filter(|name| on_path(name, self.caller).is_none());
        all.extend(lacking.filter_map(|name| Some((name, std::env::current_exe().ok()?))));
        if all.is_empty() {
            return variables;
        }
        let folder = self.site.live().join("programs");
        if self.writes && self.site.live().is_dir() {
            for (name, program) in all.iter().filter(|(name, _)| !folder.join(name).exists()) {
                // Without it, it is as it was: a script that needs it says that it is not there.
                let _ = stand_in(&folder, name, program);
            }
        }
        if let Some(path) = variables.get_mut("PATH") {
            *path = format!("{path}:{}", folder.display());
        }
        variables
    }

    /// What of such programs a service lacks, a line each.
    pub(crate) fn lacking_in_scripts(&self, container: &Container<'_>) -> Vec<String> {
        let surroundings = self.surroundings(container.service);
        let (entrypoint, command) = container.entrypoint_and_command();
        let words = entrypoint.iter().chain(&command);
        let mut files: Vec<PathBuf> = words.filter_map(|word| own_file(container, word)).collect();
        files.retain(|file| file.is_file());
        files.dedup();
        let name = &container.service.name;
        let lines = files.iter().flat_map(|file| {
            let text = backlot_files::text(file).unwrap_or_default();
            let lacking = used(&text).into_iter().filter(|one| one.program != WAITS);
            let lacking = lacking.filter(|one| {
                let variables = if CHANGE.contains(&one.program) { self.caller } else { &surroundings };
                on_path(one.program, variables).is_none()
            });
            lacking.map(|Used { line, program, package }| {
                if CHANGE.contains(&program) {
                    return format!(
                        "service {name} runs as you, not as the user of `{program}` in its script ({}:{line}); --engine docker \
                         changes the user",
                        file.display()
                    );
                }
                format!(
                    "the script of service {name} runs {program}, which is not on this machine ({}:{line}); install it (on Debian: \
                     {package}), or say what runs the service without it: `x-backlot: {{command: …}}`",
                    file.display()
                )
            })
        });
        lines.collect()
    }
}

fn stand_in(folder: &Path, name: &str, program: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let place = folder.join(name);
    // One that leads nowhere any more is replaced.
    let _ = fs::remove_file(&place);
    symlink(program, place)
}

/// The file of the project's own that a word of a command names, also in the directory that it works in (`sh start.sh`).
fn own_file(container: &Container<'_>, word: &str) -> Option<PathBuf> {
    container.own_program(word).or_else(|| container.own_program(&format!("./{word}")))
}

/// The programs that a script of a shell runs, each where it does first.
fn used(script: &str) -> Vec<Used> {
    let mut found: Vec<Used> = Vec::new();
    if !script.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("sh")) {
        return found;
    }
    for (at, line) in script.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        if is_comment || ASKS.iter().any(|word| line.contains(word)) {
            continue;
        }
        for command in line.split(ENDS) {
            let is_before =
                |word: &&str| BEFORE.contains(word) || (word.contains('=') && !word.starts_with('-'));
            let first = command.split_whitespace().find(|word| !is_before(word));
            let known = PROGRAMS.iter().find(|(program, _)| first == Some(*program));
            if let Some((program, package)) = known
                && !found.iter().any(|one| one.program == *program)
            {
                found.push(Used { line: at + 1, program, package });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::used;

    #[test]
    fn programs_that_a_script_runs_are_found_where_it_does() {
        let script = "#!/bin/sh
# nc is for waiting
if [ \"$DATABASE\" = postgres ]; then
    echo \"nc waits for jq\"
    while ! nc -z $SQL_HOST 5432; do sleep 0.1; done
fi
nc -z other 1
until PGPASSWORD=x psql -h db -c 'select 1' > /dev/null 2>&1; do :; done
token=$(curl -s http://auth | jq .token)
if command -v wget; then wget x; fi
exec \"$@\"
";
        let found = used(script);
        let found: Vec<(usize, &str)> = found.iter().map(|one| (one.line, one.program)).collect();
        assert_eq!(found, [(5, "nc"), (8, "psql"), (9, "curl"), (9, "jq")]);
        assert!(used("#!/usr/bin/env python3\nnc\n").is_empty());
    }
}
