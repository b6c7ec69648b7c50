//! `.env` and `env_file`: the rules of Compose's reader.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backlot_yaml::{Source, Span};

use crate::error::{Error, Problem};
use crate::interpolate::{InterpolationError, interpolate};
use crate::missed::Missed;

/// How many bytes all values of a file may have: values that refer to each other soon grow.
const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// The variables of an env file, in order.
#[derive(Debug, Default)]
pub struct EnvFile {
    /// Names and values; a name that comes twice has its last place and value.
    pub variables: Vec<(String, String)>,
    /// Variables that values refer to and nobody sets.
    pub unset: BTreeSet<String>,
    /// The same, and those that have a default.
    pub missed: Missed,
}

/// Reads an env file. `outer` is what wins over the file's own earlier values in its references (`$NAME`).
pub fn read_env_file(source: &Arc<Source>, outer: &dyn Fn(&str) -> Option<String>) -> Result<EnvFile, Error> {
    let mut reader =
        Reader { source, position: 0, bytes: 0, outer, known: BTreeMap::new(), file: EnvFile::default() };
    while reader.skip_to_statement() {
        reader.statement()?;
    }
    reader.file.keep_last();
    Ok(reader.file)
}

impl EnvFile {
    /// Of variables of one name, keeps the last.
    fn keep_last(&mut self) {
        let mut seen = BTreeSet::new();
        let keep: Vec<bool> = self.variables.iter().rev().map(|(name, _)| seen.insert(name)).collect();
        let mut keep = keep.into_iter().rev();
        self.variables.retain(|_| keep.next().unwrap_or(true));
    }
}

/// Reads a file in the form of `docker run --env-file`: a line is a name and a value, taken as they stand, or a name alone,
/// which is taken from outside.
pub(crate) fn read_raw_env_file(
    source: &Arc<Source>,
    outer: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, Error> {
    let mut variables = Vec::new();
    let mut start = 0;
    for whole in source.text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']).trim_start();
        let span = || source.span(start + whole.len() - whole.trim_start().len(), line.len());
        if !line.is_empty() && !line.starts_with('#') {
            let (name, value) =
                line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
            if name.contains(char::is_whitespace) {
                let message = format!("the variable's name {name:?} has a space in it");
                return Err(span().error(Problem::DotEnv { message }));
            }
            let value = value.map(str::to_owned).or_else(|| outer(name));
            // A place is only counted out where one is needed.
            if name.is_empty() || line.contains('\0') {
                check_variable(name, value.as_deref().unwrap_or_default(), &span())?;
            }
            variables.extend(value.map(|value| (name.to_owned(), value)));
        }
        start += whole.len();
    }
    Ok(variables)
}

/// Refuses what no process environment can hold.
pub fn check_variable(name: &str, value: &str, span: &Span) -> Result<(), Error> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(span.error(Problem::VariableName { name: name.to_owned() }));
    }
    if value.contains('\0') {
        return Err(span.error(Problem::VariableValue { name: name.to_owned() }));
    }
    Ok(())
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    /// In bytes.
    position: usize,
    bytes: usize,
    outer: &'s dyn Fn(&str) -> Option<String>,
    known: BTreeMap<String, String>,
    file: EnvFile,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        &self.source.text[self.position..]
    }

    /// Moves past blank lines and comments; `false` at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if !rest.starts_with('#') {
                return !rest.is_empty();
            }
            self.position += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn statement(&mut self) -> Result<(), Error> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(is_blank)
        {
            self.position = self.source.text.len() - after.trim_start_matches(is_blank).len();
        }
        let (name, name_span, has_value) = self.name()?;
        if !has_value {
            match (self.outer)(&name) {
                Some(value) => self.add(name, value),
                None => self.file.missed.add(&name, &name_span),
            }
            return Ok(());
        }
        let value = self.value(&name_span)?;
        check_variable(&name, &value, &name_span)?;
        self.bytes += value.len();
        if self.bytes > MAX_VALUE_BYTES {
            return Err(name_span.error(Problem::TooMuchText { limit: MAX_VALUE_BYTES }));
        }
        // Compose ignores what starts with a digit: no process variable does.
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            self.add(name, value);
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) {
        self.known.insert(name.clone(), value.clone());
        self.file.variables.push((name, value));
    }

    /// The name, and whether a value follows it; without one the variable is taken from outside.
    fn name(&mut self) -> Result<(String, Span, bool), Error> {
        let rest = self.rest();
        let end = rest.find(['=', ':', '\n']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        let span = self.source.span(self.position, name.len());
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
        if let Some((index, bad)) = name.char_indices().find(|(_, c)| !allowed(*c)) {
            let span = self.source.span(self.position + index, bad.len_utf8());
            let message = format!("{bad:?} cannot be part of a variable's name");
            return Err(span
                .error(Problem::DotEnv { message })
                .with_hint("write one NAME=value a line, comments after #"));
        }
        if name.is_empty() {
            return Err(span.error(Problem::DotEnv { message: "a variable's name is missing".to_owned() }));
        }
        let has_value = rest[end..].starts_with(['=', ':']);
        self.position += (end + 1).min(rest.len());
        if has_value {
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start_matches(is_blank).len();
        }
        Ok((name.to_owned(), span, has_value))
    }

    fn value(&mut self, name_span: &Span) -> Result<String, Error> {
        let start = self.position;
        let rest = self.rest();
        if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            let Some((raw, length)) = quoted(rest, quote) else {
                let span = self.source.span(start, rest.len());
                let message = format!("the {quote} that opens this value is never closed");
                return Err(span.error(Problem::DotEnv { message }));
            };
            self.position += length;
            if quote == '\'' { Ok(raw) } else { self.expand(&unescape(&raw), start, length, name_span) }
        } else {
            let line = rest.lines().next().unwrap_or_default();
            self.position += rest.find('\n').map_or(rest.len(), |end| end + 1);
            let value = line.split(" #").next().unwrap_or_default().trim_end();
            self.expand(value, start, value.len(), name_span)
        }
    }

    fn expand(&mut self, text: &str, start: usize, length: usize, name_span: &Span) -> Result<String, Error> {
        let Self { outer, known, file, .. } = self;
        // `interpolate` borrows what it looks up, so the outside's values it needs are fetched first.
        let outside: BTreeMap<&str, String> =
            names_in(text).into_iter().filter_map(|name| Some((name, outer(name)?))).collect();
        let EnvFile { unset, missed, .. } = file;
        let missed = RefCell::new(missed);
        let lookup = |name: &str| {
            let value = outside.get(name).or_else(|| known.get(name)).map(String::as_str);
            if value.is_none() {
                missed.borrow_mut().add(name, name_span);
            }
            value
        };
        interpolate(text, &lookup, unset).map_err(|error| match error {
            InterpolationError::Syntax => self
                .source
                .span(start, length)
                .error(Problem::Interpolation { template: text.to_owned() })
                .with_hint("write $$ for a dollar sign, or put the value in single quotes"),
            InterpolationError::Required { variable, message } => {
                name_span.error(Problem::VariableRequired { variable, message })
            }
        })
    }
}

/// Every name that might be looked up in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|name| !name.is_empty()).collect()
}

/// The text between quotes, and how many bytes it takes with them. Only the quote itself can be escaped here.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        if character == quote {
            return Some((value, index + 1));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let (_, next) = characters.next()?;
        if next != quote {
            value.push('\\');
        }
        value.push(next);
    }
    None
}

/// Escapes of double-quoted values. `\$` becomes `$$`, which stands for a dollar sign that starts no variable.
fn unescape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(index) = rest.find('\\') {
        value.push_str(&rest[..index]);
        rest = &rest[index + 1..];
        let mut characters = rest.chars();
        let replacement = match characters.next() {
            Some('a') => "\u{7}",
            Some('b') => "\u{8}",
            Some('f') => "\u{c}",
            Some('n') => "\n",
            Some('r') => "\r",
            Some('t') => "\t",
            Some('v') => "\u{b}",
            Some('"') => "\"",
            Some('\\') => "\\",
            Some('$') => "$$",
            _ => {
                value.push('\\');
                continue;
            }
        };
        value.push_str(replacement);
        rest = characters.as_str();
    }
    value.push_str(rest);
    value
}

/// White space that ends no line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
