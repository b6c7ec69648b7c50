//! Errors that point into a text: the fact, the place, and the way out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::problem::Problem;

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

/// Why a text could not be read as YAML, or a value is not what was asked for.
pub type Error = Fault<Problem>;

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

/// A problem with files: the fact, where it is in their text, and the way out.
///
/// `Display` gives the fact alone; [`Fault::place`] and [`Fault::hint`] are for whoever renders it. Readers of other
/// files bring problems of their own as `P`.
pub struct Fault<P>(Box<Inner<P>>);

#[derive(Debug)]
struct Inner<P> {
    problem: P,
    place: Option<Place>,
    hint: Option<String>,
    /// What else is wrong.
    more: Vec<Fault<P>>,
}

impl<P> Fault<P> {
    /// A problem that is in no file's text.
    pub fn new(problem: P) -> Self {
        Self(Box::new(Inner { problem, place: None, hint: None, more: Vec::new() }))
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// The same with a way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same fault as one of the problems of another reader.
    pub fn map<Q>(self, into: impl Fn(P) -> Q + Copy) -> Fault<Q> {
        let Inner { problem, place, hint, more } = *self.0;
        let more = more.into_iter().map(|fault| fault.map(into)).collect();
        Fault(Box::new(Inner { problem: into(problem), place, hint, more }))
    }

    /// Nothing is wrong, or all of these are: the first with the others.
    pub fn none_of(faults: Vec<Self>) -> Result<(), Self> {
        let mut faults = faults.into_iter().flat_map(|mut fault| {
            let more = std::mem::take(&mut fault.0.more);
            std::iter::once(fault).chain(more)
        });
        match faults.next() {
            None => Ok(()),
            Some(mut first) => {
                first.0.more.extend(faults);
                Err(first)
            }
        }
    }

    /// The same with what else is wrong.
    #[must_use]
    pub fn with_more(mut self, more: Vec<Self>) -> Self {
        self.0.more.extend(more);
        self
    }

    /// What else is wrong.
    pub fn more(&self) -> &[Self] {
        &self.0.more
    }

    /// What is wrong.
    pub fn problem(&self) -> &P {
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
}

impl<P: fmt::Debug> fmt::Debug for Fault<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<P: fmt::Display> fmt::Display for Fault<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.problem.fmt(f)
    }
}

impl<P: std::error::Error> std::error::Error for Fault<P> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.problem.source()
    }
}
