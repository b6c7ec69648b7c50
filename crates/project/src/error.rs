//! What can be wrong with a project's files: the fact, the place in the file, and the way out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::name::NameError;

/// A position in a file. Line and column count from 1; the column counts characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file, absolute where it was read from the project.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Where an error points to, with the text that a renderer needs to show it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The first character meant.
    pub location: Location,
    /// How many characters are meant, at least 1; never beyond the line's end.
    pub length: usize,
    /// The whole text of the file.
    pub text: Arc<str>,
}

/// Why a project could not be read.
///
/// `Display` gives the fact alone; [`ProjectError::place`] and [`ProjectError::hint`] are for the renderer.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct ProjectError {
    #[source]
    problem: Problem,
    place: Option<Box<Place>>,
    hint: Option<String>,
}

impl ProjectError {
    pub(crate) fn new(problem: Problem) -> Self {
        Self { problem, place: None, hint: None }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where it is wrong, when it is in the text of a file.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }

    /// The way out, a sentence.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

/// The kinds of [`ProjectError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A name that cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Problem {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "name-invalid",
        }
    }
}
