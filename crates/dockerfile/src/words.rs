//! Words of a Dockerfile, with variables in their places.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// How words are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'v> {
    /// The character that keeps the next one from meaning anything.
    pub(super) escape: char,
    /// What variables stand for; one that is not there stands for nothing.
    pub(super) variables: &'v BTreeMap<String, String>,
}

impl Words<'_> {
    /// The words of a text, as a shell would read them.
    pub(super) fn split(self, text: &str) -> Vec<String> {
        self.read(text, true)
    }

    /// All of a text as one word.
    pub(super) fn whole(self, text: &str) -> String {
        self.read(text, false).pop().unwrap_or_default()
    }

    fn read(self, text: &str, splits: bool) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                ('$', None | Some('"')) => {
                    let value = self.variable(&mut chars);
                    word.get_or_insert_default().push_str(&value);
                }
                (c, None | Some('"')) if c == self.escape => {
                    word.get_or_insert_default().extend(chars.next());
                }
                (c, None) if splits && c.is_whitespace() => words.extend(word.take()),
                (c, _) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    /// `NAME`, `{NAME}`, `{NAME:-other}` or `{NAME:+other}`, after the dollar sign.
    pub(super) fn variable(self, chars: &mut Peekable<Chars<'_>>) -> String {
        let is_of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        if chars.next_if_eq(&'{').is_none() {
            let name: String = match chars.next_if(|c| self.is_special(*c)) {
                Some(c) => c.into(),
                None => std::iter::from_fn(|| chars.next_if(is_of_name)).collect(),
            };
            return if name.is_empty() { "$".into() } else { self.value(&name).unwrap_or_default().into() };
        }
        let mut depth = 1;
        let inside: String = chars
            .by_ref()
            .take_while(|c| {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth > 0
            })
            .collect();
        let length = match inside.chars().next() {
            Some(c) if self.is_special(c) => 1,
            Some(_) | None => inside.chars().take_while(is_of_name).count(),
        };
        let (name, rest) = inside.split_at(length);
        let value = self.value(name);
        let (empty_counts, operation) = rest.strip_prefix(':').map_or((true, rest), |rest| (false, rest));
        let is_set = value.is_some_and(|value| empty_counts || !value.is_empty());
        match (operation.split_at_checked(1), is_set) {
            (Some(("-", other)), false) | (Some(("+", other)), true) => self.whole(other),
            (Some(("+", _)), false) => String::new(),
            (Some(_) | None, _) => value.unwrap_or_default().to_owned(),
        }
    }

    /// Whether a character is the whole name of a variable that is there (`$@`).
    fn is_special(self, c: char) -> bool {
        c == '@' && self.variables.contains_key("@")
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn variables_are_replaced_as_docker_does() {
        let variables =
            [("A", "one"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let words = Words { escape: '\\', variables: &variables.into() };
        for (text, expected) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("$A ${A}s \"$A two\" '$A' \\$A", &["one", "ones", "one two", "$A", "$A"]),
            ("${B:-x y} ${A:-x} ${EMPTY:-e} ${EMPTY-e}", &["x y", "one", "e", ""]),
            ("${A:+set} ${B:+set}. ${B:-${A}}", &["set", ".", "one"]),
            ("a\\ b '' $", &["a b", "", "$"]),
        ] {
            assert_eq!(words.split(text), expected, "{text}");
        }
        assert_eq!(words.whole("a $A  b"), "a one  b");
    }
}
