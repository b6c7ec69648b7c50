//! What the `RUN` lines of a Dockerfile install for the programs of its image, as a value: nothing is installed here.

mod effects;
mod folder;
mod line;
mod modules;
mod moving;
mod pip;
mod read;
mod sync;
mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use folder::{SETTINGS, folder_of_modules};
pub(super) use line::Line;
pub(super) use read::read;

use crate::shell::Command;

/// What the lines of a stage install, in their order, and the folders that they make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installs {
    /// What is installed.
    pub all: Vec<Install>,
    /// Packages of the image's system.
    pub packages: BTreeSet<SystemPackage>,
    /// What builds something of the project's files, in words.
    pub builds: Vec<Build>,
    /// What installs something, but not in a way that is understood, in words.
    pub unclear: Vec<String>,
    /// What changes something of the image that is not so here, in words.
    pub undone: Vec<String>,
    /// Folders that are made.
    pub folders: BTreeSet<PathBuf>,
    /// The tools that are installed themselves, with the version that is asked for (`poetry` → `poetry==1.8.3`).
    pub tools: BTreeMap<Tool, String>,
}

/// A package of a system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemPackage {
    /// What installs it there: `apt-get`, `apk`, `dnf`.
    pub manager: &'static str,
    /// Its name.
    pub name: String,
}

/// What makes something of the project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The line, as the Dockerfile has it: without the values of variables.
    pub said: String,
    /// Its words.
    pub words: Vec<String>,
    /// Where it works in the image.
    pub directory: PathBuf,
    /// The variables that the line has.
    pub variables: BTreeMap<String, String>,
    /// What it mounts for itself (`--mount=type=bind`): places in the image, and on this machine.
    pub mounts: Vec<(PathBuf, PathBuf)>,
}

impl Build {
    pub(super) fn of(command: &Command, directory: PathBuf, line: &Line<'_>) -> Self {
        let (said, words) = (command.said.clone(), command.words.clone());
        let (variables, mounts) = (command.variables.clone(), line.mounts.to_vec());
        Self { said, words, directory, variables, mounts }
    }
}

/// Something that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// The line, as the Dockerfile has it: without the values of variables.
    pub said: String,
    /// Where the image has it: a virtual environment, a `node_modules`, or something that pip fills.
    pub place: PathBuf,
    /// The directory of the project in which it is installed.
    pub directory: PathBuf,
    /// The variables that the line has.
    pub variables: BTreeMap<String, String>,
    /// What it is.
    pub kind: Kind,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// What `pip install` is told, or `uv pip install`.
    Pip {
        /// What it is told.
        arguments: Vec<Argument>,
        /// Whether that is uv's, which resolves and checks in another way.
        by_uv: bool,
    },
    /// What the lock file of a Python project says.
    Sync {
        /// What installs it.
        tool: Tool,
        /// What it is told.
        arguments: Vec<String>,
    },
    /// The same, written down for pip first: nothing is installed yet. The place is that file.
    Export {
        /// What writes it.
        tool: Tool,
        /// Whether that of development is left out.
        only_main: bool,
    },
    /// What the `package.json` of a directory says.
    Modules {
        /// What installs it.
        tool: Tool,
        /// What it is told.
        arguments: Vec<String>,
    },
    /// Packages that npm installs for all (`npm install -g`).
    Globals(Vec<String>),
    /// What a `Gemfile` says.
    Gems {
        /// What bundler is told.
        arguments: Vec<String>,
    },
}

/// What installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// <https://docs.astral.sh/uv>
    Uv,
    /// <https://python-poetry.org>
    Poetry,
    /// <https://pipenv.pypa.io>
    Pipenv,
    /// Comes with Node.
    Npm,
    /// <https://pnpm.io>
    Pnpm,
    /// <https://yarnpkg.com>
    Yarn,
}

impl Tool {
    /// The program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Poetry => "poetry",
            Self::Pipenv => "pipenv",
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
        }
    }

    /// The tool of a name.
    fn called(name: &str) -> Option<Self> {
        let all = [Self::Uv, Self::Poetry, Self::Pipenv, Self::Npm, Self::Pnpm, Self::Yarn];
        all.into_iter().find(|tool| tool.name() == name)
    }
}

/// What pip is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A package, with its version.
    Package(String),
    /// An option, with what belongs to it.
    Option(&'static str, Option<String>),
    /// A file of the project's after `-r` or `-c`.
    File(&'static str, PathBuf),
    /// A folder of archives after `-f`.
    Links(PathBuf),
    /// A folder or archive of the project's, with extras (`[dev]`).
    Local(PathBuf, String),
}

impl Installs {
    /// What of `other`, a stage, comes along when `from` is copied to `to`; a file `into` that.
    pub(super) fn copied(&mut self, other: &Self, from: &Path, to: &Path, into: bool) {
        for install in &other.all {
            let name = match install.kind {
                Kind::Export { .. } if into => install.place.file_name(),
                Kind::Export { .. }
                | Kind::Pip { .. }
                | Kind::Sync { .. }
                | Kind::Modules { .. }
                | Kind::Globals(_)
                | Kind::Gems { .. } => None,
            };
            let place = match (install.place.strip_prefix(from), from.strip_prefix(&install.place)) {
                (Ok(rest), _) if rest.as_os_str().is_empty() => {
                    name.map_or_else(|| to.to_owned(), |name| to.join(name))
                }
                (Ok(rest), _) => to.join(rest),
                // A part of it: where that is all goes with it.
                (Err(_), Ok(_)) => install.place.clone(),
                (Err(_), Err(_)) => continue,
            };
            let install = Install { place, ..install.clone() };
            if !self.all.contains(&install) {
                self.all.push(install);
                // What it is built with is there, and here has to be.
                self.packages.extend(other.packages.iter().cloned());
            }
        }
        for (tool, spec) in &other.tools {
            self.tools.entry(*tool).or_insert_with(|| spec.clone());
        }
    }
}

#[cfg(test)]
mod tests;
