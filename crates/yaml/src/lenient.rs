//! What the YAML reader of Go programs takes and our parser, which follows the letter of YAML, does not: inside of brackets and
//! quotes lines may begin at any column; a tab may follow a key's colon; a comment may follow a closing quote at once. Where
//! our parser complains of that, the text is mended there and read again; places are counted in the text as it was.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::Marker;

/// How many bytes may be read again in all: everything that is mended costs another reading.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How far lines are pushed in at most.
const MAX_COLUMNS: usize = 1000;

/// What can be mended, at the place of the complaint.
#[derive(Debug, Clone, Copy)]
enum Mend {
    /// This line is not far enough in.
    Line,
    /// One of the lines after this one is not.
    LaterLine,
    /// The tabs before this place are to be spaces.
    Tabs,
    /// A space is missing here.
    Space,
}

/// The parser says the first four only of lines inside of brackets and quotes, or of lines that begin with a tab, which
/// are refused whatever stands before them unless they are such ones, too.
const COMPLAINTS: [(&str, Mend); 7] = [
    ("invalid indentation", Mend::Line),
    ("invalid indentation in flow construct", Mend::Line),
    ("tabs disallowed within this context (block indentation)", Mend::Line),
    ("tab cannot be used as indentation", Mend::Line),
    ("invalid indentation in quoted scalar", Mend::LaterLine),
    ("':' must be followed by a valid YAML whitespace", Mend::Tabs),
    ("comments must be separated from other tokens by whitespace", Mend::Space),
];

/// A file's text as the parser is given it.
pub(crate) struct Lenient<'t> {
    text: Cow<'t, str>,
    /// The lines that are pushed in, from 1, and by how many columns.
    added: BTreeMap<usize, usize>,
    bytes: usize,
}

impl<'t> Lenient<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), added: BTreeMap::new(), bytes: 0 }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The column in the text as it was, from 1.
    pub(crate) fn column(&self, mark: &Marker) -> usize {
        (mark.col() + 1).saturating_sub(self.added.get(&mark.line()).copied().unwrap_or(0)).max(1)
    }

    /// Mends what the parser complains of; `false` when that cannot be.
    pub(crate) fn mend(&mut self, complaint: &str, mark: &Marker) -> bool {
        let Some((_, mend)) = COMPLAINTS.iter().find(|(known, _)| *known == complaint) else { return false };
        self.bytes += self.text.len();
        if self.bytes > MAX_BYTES {
            return false;
        }
        match mend {
            Mend::Line => self.push_in(mark.line()),
            Mend::LaterLine => {
                let mut lines = mark.line() + 1..=mark.line() + 1 + self.added.len();
                let later = lines.find(|line| !self.added.contains_key(line));
                later.is_some_and(|line| self.push_in(line))
            }
            Mend::Tabs => self.replace_tabs(mark),
            Mend::Space => self.place(mark).is_some_and(|place| {
                self.text.to_mut().insert(place, ' ');
                true
            }),
        }
    }

    /// Where a line begins, in bytes.
    fn start(&self, line: usize) -> Option<usize> {
        let mut starts = std::iter::once(0).chain(self.text.match_indices('\n').map(|(index, _)| index + 1));
        starts.nth(line.checked_sub(1)?)
    }

    /// Where a mark is, in bytes.
    fn place(&self, mark: &Marker) -> Option<usize> {
        let start = self.start(mark.line())?;
        let within = self.text[start..].char_indices().map(|(index, _)| index);
        within.chain([self.text.len() - start]).nth(mark.col()).map(|index| start + index)
    }

    /// Pushes a line further in than any block before it.
    fn push_in(&mut self, line: usize) -> bool {
        let Some(start) = self.start(line).filter(|_| !self.added.contains_key(&line)) else { return false };
        let begin = |line: &str| line.len() - line.trim_start_matches([' ', '\t', '-', '?']).len();
        let deepest = self.text.lines().take(line).map(begin).max().unwrap_or(0);
        let columns = (deepest + 1).min(MAX_COLUMNS);
        self.added.insert(line, columns);
        self.text.to_mut().insert_str(start, &" ".repeat(columns));
        true
    }

    fn replace_tabs(&mut self, mark: &Marker) -> bool {
        let Some(place) = self.place(mark) else { return false };
        let before = self.text[..place].trim_end_matches('\t').len();
        self.text.to_mut().replace_range(before..place, &" ".repeat(place - before));
        before < place
    }
}
