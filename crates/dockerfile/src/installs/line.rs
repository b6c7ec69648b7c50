//! A line in its stage, and what a command of it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Kind;
use crate::copies::{Copies, normal};
use crate::shell::Command;

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
    pub(crate) fn place(&self, path: &Path) -> Option<PathBuf> {
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

/// What a command is.
pub(super) enum Found {
    /// Nothing that is known.
    Nothing,
    /// It is noted already, or changes nothing.
    Understood,
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
