//! nginx's grammar: directives of words, ended by `;` or followed by a block.

use std::path::Path;
use std::sync::Arc;

use crate::error::{ConfigError, Place};

/// A directive with its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// Its name and arguments, with their quotes.
    pub(crate) words: Vec<String>,
    /// What is between its braces.
    pub(crate) block: Option<Vec<Directive>>,
    /// Its file.
    pub(crate) file: Arc<Path>,
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
}

impl Directive {
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The first argument.
    pub(crate) fn argument(&self) -> &str {
        self.words.get(1).map_or("", String::as_str)
    }

    pub(crate) fn place(&self) -> Place {
        Place { file: self.file.to_path_buf(), line: self.line }
    }

    /// The same with other words.
    pub(crate) fn with(&self, words: Vec<String>) -> Self {
        Self { words, ..self.clone() }
    }
}

/// The directives of a file's text.
pub(crate) fn parse(text: &str, file: &Arc<Path>) -> Result<Vec<Directive>, ConfigError> {
    let mut parser = Parser { text, at: 0, line: 1, file };
    parser.block(0)
}

/// Blocks deeper than this are nobody's.
const DEEPEST: usize = 100;

struct Parser<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    file: &'t Arc<Path>,
}

/// What comes next.
enum Token {
    Word(String),
    Semicolon,
    Open,
    Close,
    End,
}

impl Parser<'_> {
    fn block(&mut self, depth: usize) -> Result<Vec<Directive>, ConfigError> {
        if depth > DEEPEST {
            return Err(self.wrong("blocks are nested too deeply"));
        }
        let mut directives = Vec::new();
        let mut words: Vec<String> = Vec::new();
        let mut line = self.line;
        loop {
            let token = self.token()?;
            if words.is_empty() {
                line = self.line;
            }
            let file = Arc::clone(self.file);
            match token {
                Token::Word(word) => words.push(word),
                Token::Semicolon if words.is_empty() => return Err(self.wrong("a `;` without a directive")),
                Token::Semicolon => {
                    directives.push(Directive { words: std::mem::take(&mut words), block: None, file, line });
                }
                Token::Open if words.is_empty() => return Err(self.wrong("a `{` without a directive")),
                Token::Open => {
                    let block = Some(self.block(depth + 1)?);
                    directives.push(Directive { words: std::mem::take(&mut words), block, file, line });
                }
                Token::Close if depth == 0 => return Err(self.wrong("a `}` too many")),
                Token::End if depth > 0 => return Err(self.wrong("a `}` is missing at the end of the file")),
                Token::Close | Token::End if !words.is_empty() => {
                    return Err(self.wrong("a directive is not ended by `;`"));
                }
                Token::Close | Token::End => return Ok(directives),
            }
        }
    }

    fn wrong(&self, what: &'static str) -> ConfigError {
        let at = Place { file: self.file.to_path_buf(), line: self.line };
        ConfigError::Syntax { at, what }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn token(&mut self) -> Result<Token, ConfigError> {
        loop {
            match self.peek() {
                None => return Ok(Token::End),
                Some(c) if c.is_whitespace() => drop(self.next()),
                Some('#') => while !matches!(self.next(), None | Some('\n')) {},
                Some(_) => break,
            }
        }
        match self.peek() {
            Some(';') => Ok(self.single(Token::Semicolon)),
            Some('{') => Ok(self.single(Token::Open)),
            Some('}') => Ok(self.single(Token::Close)),
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some(_) | None => Ok(self.plain()),
        }
    }

    fn single(&mut self, token: Token) -> Token {
        self.next();
        token
    }

    fn quoted(&mut self, quote: char) -> Result<Token, ConfigError> {
        let from = self.at;
        self.next();
        loop {
            match self.next() {
                None => return Err(self.wrong("a quote is not closed")),
                Some('\\') => drop(self.next()),
                Some(c) if c == quote => return Ok(Token::Word(self.text[from..self.at].to_owned())),
                Some(_) => {}
            }
        }
    }

    /// A word ends at a space, `;` or `{`; but `${` begins a variable.
    fn plain(&mut self) -> Token {
        let from = self.at;
        let mut last = ' ';
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.next();
                    self.next();
                }
                '{' if last == '$' => while !matches!(self.next(), None | Some('}')) {},
                ';' | '{' => break,
                c if c.is_whitespace() => break,
                _ => drop(self.next()),
            }
            last = c;
        }
        Token::Word(self.text[from..self.at].to_owned())
    }
}

/// The directives as text, one a line; and the place that each line comes from.
pub(crate) fn print(directives: &[Directive]) -> (String, Vec<Place>) {
    let mut printer = Printer::default();
    printer.block(directives, 0);
    (printer.text, printer.places)
}

#[derive(Default)]
struct Printer {
    text: String,
    places: Vec<Place>,
}

impl Printer {
    fn block(&mut self, directives: &[Directive], depth: usize) {
        for directive in directives {
            let words = directive.words.join(" ");
            match &directive.block {
                None => self.line(&format!("{words};"), directive, depth),
                Some(block) => {
                    self.line(&format!("{words} {{"), directive, depth);
                    self.block(block, depth + 1);
                    self.line("}", directive, depth);
                }
            }
        }
    }

    fn line(&mut self, content: &str, directive: &Directive, depth: usize) {
        self.text.push_str(&"    ".repeat(depth));
        self.text.push_str(content);
        self.text.push('\n');
        // A quoted word may hold the ends of lines.
        let lines = 1 + content.matches('\n').count();
        self.places.extend(std::iter::repeat_n(directive.place(), lines));
    }
}

#[cfg(test)]
mod tests {
    use super::{Directive, parse, print};
    use crate::error::ConfigError;
    use proptest::prelude::*;
    use std::path::Path;
    use std::sync::Arc;

    fn read(text: &str) -> Result<Vec<Directive>, ConfigError> {
        parse(text, &Arc::from(Path::new("nginx.conf")))
    }

    fn words(directives: &[Directive]) -> Vec<(Vec<String>, bool)> {
        directives
            .iter()
            .flat_map(|directive| {
                let own = (directive.words.clone(), directive.block.is_some());
                std::iter::once(own).chain(words(directive.block.as_deref().unwrap_or_default()))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(text in r#"[a-z0-9 ;{}"'#$\\\n]{0,60}"#) {
            if let Ok(directives) = read(&text) {
                let (printed, places) = print(&directives);
                prop_assert_eq!(printed.matches('\n').count(), places.len());
                prop_assert_eq!(words(&read(&printed).unwrap()), words(&directives), "{}", printed);
            }
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = read(&text);
        }
    }

    #[test]
    fn words_blocks_and_comments() {
        let text = "a b; # c;\nd \"e; f\" 'g}' {\n  h ${i}j \\;k;\n}\n";
        let directives = read(text).unwrap();
        assert_eq!(directives[0].words, ["a", "b"]);
        assert_eq!(directives[1].words, ["d", "\"e; f\"", "'g}'"]);
        let inner = &directives[1].block.as_ref().unwrap()[0];
        assert_eq!((inner.words.clone(), inner.line), (vec!["h".into(), "${i}j".into(), "\\;k".into()], 3));
    }

    #[test]
    fn errors_tell_the_line() {
        for (text, told) in [
            ("a\n;\n;", "nginx.conf:3: a `;` without a directive"),
            ("a {\n b;\n", "nginx.conf:3: a `}` is missing at the end of the file"),
            ("a;\n}", "nginx.conf:2: a `}` too many"),
            ("a {\n b }", "nginx.conf:2: a directive is not ended by `;`"),
            ("a \"b", "nginx.conf:1: a quote is not closed"),
        ] {
            let found = read(text).map(|_| ()).unwrap_err().to_string();
            assert_eq!(found, told, "{text:?}");
        }
    }
}
