//! What can be wrong with a project: its Compose files, or what is about them.

use std::fmt;
use std::path::PathBuf;

use backlot_yaml::{Fault, Location, Place};

use crate::name::NameError;

/// Why a project could not be read.
///
/// `Display` gives the fact alone; [`ProjectError::place`] and [`ProjectError::hint`] are for the renderer.
#[derive(Debug)]
pub struct ProjectError(Fault<Problem>);

impl ProjectError {
    pub(crate) fn new(problem: impl Into<Problem>) -> Self {
        Self(Fault::new(problem.into()))
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.with_hint(hint))
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        self.0.problem()
    }

    /// Where it is wrong, when it is in the text of a file.
    pub fn place(&self) -> Option<&Place> {
        self.0.place()
    }

    /// Where it is wrong, when it is in the text of a file.
    pub fn location(&self) -> Option<&Location> {
        self.0.location()
    }

    /// What else is wrong with the files.
    pub fn more(&self) -> &[Fault<Problem>] {
        self.0.more()
    }

    /// The way out: what to do, a fragment that starts in lower case.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint()
    }

    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        self.problem().code()
    }
}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ProjectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

impl<P> From<Fault<P>> for ProjectError
where
    Problem: From<P>,
{
    fn from(fault: Fault<P>) -> Self {
        Self(fault.map(Problem::from))
    }
}

impl From<backlot_yaml::Problem> for Problem {
    fn from(problem: backlot_yaml::Problem) -> Self {
        Self::Compose(problem.into())
    }
}

impl From<NameError> for ProjectError {
    fn from(error: NameError) -> Self {
        Self::new(error)
    }
}

/// The kinds of [`ProjectError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something in a Compose file, or a file that cannot be read.
    #[error(transparent)]
    Compose(#[from] backlot_compose::Problem),
    /// A name that cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No layout fits, in no directory up to the root.
    #[error("no project in {start} or above it", start = .start.display())]
    NoProject {
        /// Where the search began.
        start: PathBuf,
    },
    /// An environment without files.
    #[error("there is no environment {name:?}")]
    EnvironmentUnknown {
        /// The name asked for.
        name: String,
        /// The environments that have files.
        known: Vec<String>,
    },
    /// Two files for one scenario.
    #[error("scenario {name:?} has two sources, {first} and {second}", first = .first.display(), second = .second.display())]
    ScenarioAmbiguous {
        /// The scenario.
        name: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A link in `scenarios/` that leads out of it.
    #[error("{path} leads out of the scenarios folder, to {leads_to}", path = .path.display(), leads_to = .leads_to.display())]
    ScenarioOutside {
        /// The file or link.
        path: PathBuf,
        /// Where it leads.
        leads_to: PathBuf,
    },
    /// A scenario that should be a program.
    #[error("{path} cannot be run: it is not executable", path = .path.display())]
    ScenarioNotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// A config file that is no JSON.
    #[error("this is not JSON: {message}")]
    Json {
        /// What the reader says.
        message: String,
    },
    /// A config file that is no list of names and values.
    #[error("{expected}, but this is {found}")]
    ConfigShape {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A variable set twice in one file.
    #[error("{name:?} is set a second time; line {first_line} sets it first")]
    ConfigDuplicate {
        /// The variable.
        name: String,
        /// The first one's line.
        first_line: usize,
    },
}

impl Problem {
    /// A stable name of the kind of error, for programs: a name that was given stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Compose(problem) => problem.code(),
            Self::Name(error) => error.code(),
            Self::NoProject { .. } => "project-missing",
            Self::EnvironmentUnknown { .. } => "environment-unknown",
            Self::ScenarioAmbiguous { .. } => "scenario-ambiguous",
            Self::ScenarioOutside { .. } => "scenario-outside",
            Self::ScenarioNotExecutable { .. } => "scenario-not-executable",
            Self::Json { .. } => "config-syntax",
            Self::ConfigShape { .. } => "config-shape",
            Self::ConfigDuplicate { .. } => "config-duplicate",
        }
    }
}
