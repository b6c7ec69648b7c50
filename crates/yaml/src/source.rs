//! The text of a file, and places in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use backlot_files::Unfit;

use crate::fault::{Error, Fault, Location, Place};
use crate::problem::Problem;

/// So many bytes of a text are counted anew for each place in it; what is before was counted once.
const BETWEEN_MARKS: usize = 1024;

/// A file's text.
#[derive(Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its whole text.
    pub text: Arc<str>,
    /// Where lines begin, and places within long ones.
    marks: OnceLock<Vec<Mark>>,
}

/// A place whose line and column are known.
#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: usize,
    line: usize,
    column: usize,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.text == other.text
    }
}

impl Eq for Source {}

impl Source {
    /// A text as that of a file.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), marks: OnceLock::new() })
    }

    /// Reads a file; a byte order mark at its beginning is dropped.
    pub fn read(path: &Path) -> Result<Arc<Self>, Error> {
        let unreadable =
            |source: io::Error| Error::new(Problem::Unreadable { path: path.to_owned(), source });
        let bytes =
            backlot_files::bytes(path, backlot_files::MOST).map_err(|error| match Unfit::of(&error) {
                Some(Unfit::TooLarge { limit }) => {
                    Error::new(Problem::TooLarge { path: path.to_owned(), limit })
                }
                Some(Unfit::Kind(_)) | None => unreadable(error),
            })?;
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
        let marks = self.marks();
        let mark = marks[marks.partition_point(|mark| mark.offset <= start).saturating_sub(1)];
        let first_line = self.text[start..end].lines().next().unwrap_or_default();
        Span {
            source: Arc::clone(self),
            line: mark.line,
            column: mark.column + self.text[mark.offset..start].chars().count(),
            length: first_line.chars().count().max(1),
        }
    }

    /// The marks, in order; the first one is the beginning.
    fn marks(&self) -> &[Mark] {
        self.marks.get_or_init(|| {
            let mut marks = vec![Mark { offset: 0, line: 1, column: 1 }];
            let (mut line, mut column, mut last) = (1, 1, 0);
            for (offset, character) in self.text.char_indices() {
                if character == '\n' {
                    (line, column, last) = (line + 1, 1, offset + 1);
                    marks.push(Mark { offset: last, line, column });
                } else {
                    if offset - last >= BETWEEN_MARKS {
                        last = offset;
                        marks.push(Mark { offset, line, column });
                    }
                    column += 1;
                }
            }
            marks
        })
    }
}

/// A place in a file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub source: Arc<Source>,
    /// The line, from 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1.
    pub length: usize,
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
    pub fn error<P>(&self, problem: impl Into<P>) -> Fault<P> {
        Fault::new(problem.into()).at(self.place())
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
    fn places_are_right_wherever_they_are() {
        let text = format!("a\n{}ö x\n\nlast", "ä".repeat(5000));
        let source = Source::new("/p/f", text.as_str());
        for (offset, _) in text.char_indices() {
            let before = &text[..offset];
            let line_start = before.rfind('\n').map_or(0, |index| index + 1);
            let span = source.span(offset, 1);
            let counted = (before.matches('\n').count() + 1, text[line_start..offset].chars().count() + 1);
            assert_eq!((span.line, span.column), counted, "{offset}");
        }
    }

    #[test]
    fn a_span_past_the_end_is_at_the_end() {
        let span = Source::new("/p/f", "a\n").span(99, 3);
        assert_eq!((span.line, span.column, span.length), (2, 1, 1));
    }
}
