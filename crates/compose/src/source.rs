//! The text of a file, and places in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Fault, Location, Place, Problem};

/// The largest file that is read, in bytes. A config or Compose file of this size is surely not meant.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// A file's text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A text as that of a file.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Reads a file; a byte order mark at its beginning is dropped.
    pub fn read(path: &Path) -> Result<Arc<Self>, Error> {
        let unreadable =
            |source: io::Error| Error::new(Problem::Unreadable { path: path.to_owned(), source });
        // Looked at before it is opened: opening a named pipe waits for whoever writes to it.
        let kind = std::fs::metadata(path).map_err(unreadable)?.file_type();
        if kind.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if !kind.is_file() {
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::new(Problem::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES }));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            Error::new(Problem::NotUtf8 { path: path.to_owned(), offset })
                .with_hint("save the file with UTF-8 encoding")
        })?;
        Ok(Self::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text)))
    }

    /// The place of the text from byte `start`, `length` bytes long; cut at the end of its line.
    pub fn span(self: &Arc<Self>, start: usize, length: usize) -> Span {
        let start = self.text.floor_char_boundary(start.min(self.text.len()));
        let end = self.text.floor_char_boundary(start.saturating_add(length).min(self.text.len()));
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let first_line = self.text[start..end].lines().next().unwrap_or_default();
        Span {
            source: Arc::clone(self),
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            length: first_line.chars().count().max(1),
        }
    }
}

/// A place in a file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub(crate) source: Arc<Source>,
    /// The line, from 1.
    pub line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    /// In characters, at least 1.
    pub(crate) length: usize,
}

impl Span {
    /// Where it begins.
    pub fn location(&self) -> Location {
        Location { path: self.source.path.clone(), line: self.line, column: self.column }
    }

    pub(crate) fn place(&self) -> Place {
        Place { location: self.location(), length: self.length, text: Arc::clone(&self.source.text) }
    }

    /// An error at this place.
    pub fn error<P>(&self, problem: P) -> Fault<P> {
        Fault::new(problem).at(self)
    }
}

/// The names that texts refer to and nobody sets, even if the text says what is taken then, each with its first place.
#[derive(Debug, Default)]
pub struct Missed(pub BTreeMap<String, Span>);

impl Missed {
    pub(crate) fn add(&mut self, name: &str, at: &Span) {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), at.clone());
        }
    }

    /// Adds those of another text; the places that are known stay.
    pub fn extend(&mut self, other: Self) {
        for (name, at) in other.0 {
            self.0.entry(name).or_insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_span_counts_characters_and_stays_on_its_line() {
        let source = Source::new("/p/f", "ä: 1\nöü: [a,\n b]\n");
        let start = source.text.find('[').unwrap();
        let span = source.span(start, 100);
        assert_eq!((span.line, span.column, span.length), (2, 5, 3));
    }

    #[test]
    fn a_span_past_the_end_is_at_the_end() {
        let span = Source::new("/p/f", "a\n").span(99, 3);
        assert_eq!((span.line, span.column, span.length), (2, 1, 1));
    }
}
