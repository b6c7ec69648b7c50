//! Commands that move what is installed, or change nothing of a file that is as they want it.

use std::path::{Path, PathBuf};

use super::Installs;
use super::line::{Found, Line};
use crate::copies::normal;
use crate::shell::Command;

/// `cp -a /tmp/app/node_modules /app` and `mv node_modules /`: what is installed is there as well, or instead.
pub(super) fn read(
    command: &Command,
    name: &str,
    words: &[String],
    line: &Line<'_>,
    installs: &mut Installs,
) -> Found {
    let plain: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let Some((dest, sources)) = plain.split_last().filter(|_| command.certain) else { return Found::Nothing };
    let target = normal(&command.directory.join(dest));
    let mut found = Found::Nothing;
    for source in sources {
        let from = normal(&command.directory.join(source.trim_end_matches("/.")));
        if !installs.all.iter().any(|install| install.place == from) {
            continue;
        }
        let into = sources.len() > 1 || dest.ends_with('/') || is_folder(&target, &from, line, installs);
        let name_of = from.file_name().filter(|_| into && !source.ends_with("/."));
        let to = name_of.map_or_else(|| target.clone(), |name| target.join(name));
        let before = installs.clone();
        if name == "mv" {
            installs.all.retain(|install| install.place != from);
        }
        installs.copied(&before, &from, &to, false);
        found = Found::Understood;
    }
    found
}

/// Whether there is a folder at `target` into which `from` goes under its own name.
fn is_folder(target: &Path, from: &Path, line: &Line<'_>, installs: &Installs) -> bool {
    let is_below = |path: &PathBuf| path.starts_with(target);
    target.file_name() != from.file_name()
        && (line.directory.starts_with(target)
            || installs.folders.iter().any(is_below)
            || line.copies.places.iter().any(|(path, place)| {
                is_below(path) && (path != target || place.is_dir())
                    || target.starts_with(path) && line.place(target).is_some_and(|place| place.is_dir())
            }))
}

/// `sed -i 's/\r$//' FILE`, where the files have no such ends of lines.
pub(super) fn is_without_effect(command: &Command, words: &[String], line: &Line<'_>) -> bool {
    let in_place = words.iter().any(|word| word == "-i");
    let mut plain = words.iter().filter(|word| !word.starts_with('-'));
    let takes_returns =
        plain.next().is_some_and(|script| matches!(script.trim_end_matches('g'), "s/\\r$//" | "s/\\r//"));
    let files: Vec<String> = plain.cloned().collect();
    in_place && takes_returns && have_no_returns(&files, command, line)
}

/// Whether these are files of the project's own whose lines end as they should.
pub(super) fn have_no_returns(files: &[String], command: &Command, line: &Line<'_>) -> bool {
    let has_none = |file: &String| {
        let place = line.place(&normal(&command.directory.join(file)));
        let bytes = place.and_then(|place| backlot_files::bytes(&place, backlot_files::MOST).ok());
        bytes.is_some_and(|bytes| !bytes.contains(&b'\r'))
    };
    let mut files = files.iter().filter(|word| !word.starts_with('-')).peekable();
    files.peek().is_some() && files.all(has_none)
}
