//! What can be wrong with a project's files: the fact, the place in the file, and the way out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::name::NameError;
pub use crate::problem::Problem;
use crate::source::Span;

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
#[derive(Clone)]
pub struct Place {
    /// The first character meant.
    pub location: Location,
    /// How many characters are meant, at least 1.
    pub length: usize,
    /// The whole text of the file.
    pub text: Arc<str>,
}

/// Without the text: a config file holds secrets, and this is for logs.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} characters)", self.location, self.length)
    }
}

/// Why a project could not be read.
///
/// `Display` gives the fact alone; [`ProjectError::place`] and [`ProjectError::hint`] are for the renderer.
#[derive(Debug)]
pub struct ProjectError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: Problem,
    place: Option<Place>,
    hint: Option<String>,
}

impl ProjectError {
    pub(crate) fn new(problem: Problem) -> Self {
        Self(Box::new(Inner { problem, place: None, hint: None }))
    }

    #[must_use]
    pub(crate) fn at(mut self, span: &Span) -> Self {
        self.0.place = Some(span.place());
        self
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Where it is wrong, when it is in the text of a file.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// Where it is wrong, when it is in the text of a file.
    pub fn location(&self) -> Option<&Location> {
        self.place().map(|place| &place.location)
    }

    /// The way out: what to do, a fragment that starts in lower case.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        self.0.problem.code()
    }
}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.problem.fmt(f)
    }
}

impl std::error::Error for ProjectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.problem.source_error()
    }
}

impl From<NameError> for ProjectError {
    fn from(error: NameError) -> Self {
        Self::new(Problem::Name(error))
    }
}
