//! Why packages cannot be had.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use backlot_hint::{Explain, Hint};
use backlot_process::ProcessError;
use backlot_view::ViewError;

use crate::machine::Version;
use crate::requires::Requirement;

/// Why what a service needs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DependencyError {
    /// What installs it is not on this machine.
    #[error("no {program} is on PATH, which `{said}` of its Dockerfile needs")]
    NoTool {
        /// The program.
        program: &'static str,
        /// The line.
        said: String,
    },
    /// No Python of this machine is one that the project allows.
    #[error("the project needs Python {required}, of which this machine has none (there is {found})")]
    NoPython {
        /// What the project says.
        required: String,
        /// What there is.
        found: String,
        /// The version that would do, as far as it is known.
        wanted: String,
    },
    /// What installs it did not do well.
    #[error("{line} failed: {how}")]
    Failed {
        /// The line, and whose it is, in words.
        line: String,
        /// How it ended.
        how: String,
        /// What it said last.
        last_lines: Vec<String>,
        /// The packages of a system that its image has.
        system: Vec<String>,
        /// Whether it builds something of the project's files.
        builds: bool,
    },
    /// The world in which it is built cannot be had.
    #[error("`{said}` failed: {source}")]
    View {
        /// The line.
        said: String,
        /// Why.
        source: Box<ViewError>,
    },
    /// It could not be started, or took too long.
    #[error("`{said}` failed: cannot {source}")]
    Process {
        /// The line.
        said: String,
        /// Why.
        source: ProcessError,
    },
    /// The project is more than what is copied to be built.
    #[error("{} has more than {limit}, and a copy of it was to be installed", path.display())]
    TooMuch {
        /// The folder.
        path: PathBuf,
        /// What is too much.
        limit: &'static str,
    },
    /// Another command installs the same, and goes on and on.
    #[error("another backlot installs the same for more than {} s ({})", waited.as_secs(), path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The caller has asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A file or folder cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DependencyError {
    /// The same, with whose line it is that failed.
    #[must_use]
    pub fn of(mut self, name: &str, at: impl fmt::Display) -> Self {
        if let Self::Failed { line, .. } = &mut self {
            *line = format!("{line} for service {name} ({at})");
        }
        self
    }

    /// None of the Pythons that were `found` is allowed.
    pub(crate) fn no_python(
        said: String,
        required: &[Requirement],
        mut found: Vec<Version>,
        wanted: Option<Version>,
    ) -> Self {
        found.sort();
        found.dedup();
        if found.is_empty() {
            return Self::NoTool { program: "python3", said };
        }
        Self::NoPython {
            required: listed(required, " and "),
            found: listed(&found, ", "),
            wanted: wanted.map_or_else(|| listed(required, " and "), |wanted| wanted.to_string()),
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

fn listed<T: ToString>(all: &[T], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl Explain for DependencyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoTool { .. } | Self::NoPython { .. } => "no-program",
            Self::Failed { builds: true, .. } | Self::View { .. } => "build",
            Self::Failed { .. } | Self::Process { .. } => "install",
            Self::TooMuch { .. } => "too-large",
            Self::Busy { .. } => "busy",
            Self::Interrupted => "interrupted",
            Self::Io { .. } => "io",
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoTool { program, .. } => Some(
                format!(
                    "install {program}; or make an environment of the project's own and take --no-install"
                )
                .into(),
            ),
            Self::NoPython { wanted, .. } => Some(
                format!(
                    "install Python {wanted}, with pyenv, `uv python install` or the system's packages; or make an environment \
                     of the project's own (.venv), which is used then"
                )
                .into(),
            ),
            Self::Failed { last_lines, system, builds, .. } => {
                let system = (!system.is_empty()).then(|| {
                    Hint::from(format!(
                        "its Dockerfile has packages of the system before, of which these may be missing here: {}",
                        system.join(" ")
                    ))
                });
                let way_out = builds.then(|| {
                    Hint::from("--no-install goes on without what it makes, --engine docker builds it in its image")
                });
                let all = Hint::last_lines(last_lines).into_iter().chain(system).chain(way_out);
                all.reduce(|said, more| said.then("\n").then(more))
            }
            Self::TooMuch { .. } => Some(
                "make an environment of the project's own (.venv, node_modules), which is used then".into(),
            ),
            Self::View { .. } => Some("--no-install goes on without what it makes".into()),
            Self::Process { .. } | Self::Busy { .. } | Self::Interrupted | Self::Io { .. } => None,
        }
    }
}
