//! What a line of a shell runs, as far as that can be told without running it: a command that may or may not be run, or whose words
//! are not known, is said to be so, and not guessed.

mod inner;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use inner::ALL;

use super::normal;
use super::shell_tokens::{Function, Token, function, tokens};
use super::words::Words;

/// A line in a line in a line is nobody's.
const MOST_DEEP: usize = 4;

/// A command that a line runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its words, with what variables stand for.
    pub(crate) words: Vec<String>,
    /// As it is written, for people: no variable's value is in it.
    pub(crate) said: String,
    /// Where it works.
    pub(crate) directory: PathBuf,
    /// The variables that it has.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where what it prints goes, if that is a file.
    pub(crate) output: Option<PathBuf>,
    /// Whether it is known that it runs, and with which words.
    pub(crate) certain: bool,
}

/// Where a line begins.
#[derive(Clone, Copy)]
pub(crate) struct Start<'s> {
    /// The directory.
    pub(crate) directory: &'s Path,
    /// The variables.
    pub(crate) variables: &'s BTreeMap<String, String>,
    /// Where the file of the project's own that is at a path is on this machine.
    pub(crate) place: &'s dyn Fn(&Path) -> Option<PathBuf>,
}

/// The commands of a line, or of a whole script.
pub(crate) fn commands(text: &str, start: Start<'_>) -> Vec<Command> {
    let mut walk = Walk {
        start,
        directory: start.directory.to_owned(),
        variables: start.variables.clone(),
        unknown: BTreeSet::new(),
        blocks: Vec::new(),
        groups: Vec::new(),
        functions: BTreeMap::new(),
        status: Some(true),
        found: Vec::new(),
    };
    walk.line(&tokens(text), 0);
    walk.found
}

/// What is between `if` and `fi`, or between other such words.
#[derive(Debug, Clone, Copy)]
enum Block {
    If {
        /// Whether an earlier branch runs.
        earlier: Option<bool>,
        /// Whether this one does.
        taken: Option<bool>,
        /// Whether it is still the condition.
        asks: bool,
    },
    /// What runs any number of times.
    Other,
}

struct Walk<'s> {
    start: Start<'s>,
    directory: PathBuf,
    variables: BTreeMap<String, String>,
    /// Variables whose value only a run tells.
    unknown: BTreeSet<String>,
    blocks: Vec<Block>,
    /// The directories to which the ends of groups lead back.
    groups: Vec<PathBuf>,
    /// What functions run.
    functions: BTreeMap<String, Vec<Token>>,
    /// How the last command ended, as far as it is known.
    status: Option<bool>,
    found: Vec<Command>,
}

impl Walk<'_> {
    fn line(&mut self, mut tokens: &[Token], depth: usize) {
        let mut connector = ";";
        let mut raw: Vec<String> = Vec::new();
        let mut output = None;
        while let Some((token, mut rest)) = tokens.split_first() {
            if let Some(Function { name, body, after }) = function(tokens).filter(|_| raw.is_empty()) {
                self.functions.insert(name.to_owned(), body.to_vec());
                tokens = after;
                continue;
            }
            match token {
                Token::Word(word) => raw.push(word.clone()),
                Token::Redirect(kind) => {
                    let target = rest.split_first();
                    rest = target.map_or(rest, |(_, rest)| rest);
                    if let (">" | ">>", Some((Token::Word(word), _))) = (*kind, target) {
                        output = Some(word.clone());
                    }
                }
                Token::Operator(operator) => {
                    let said = std::mem::take(&mut raw);
                    self.simple(connector, &said, output.take(), depth);
                    match *operator {
                        "(" => self.groups.push(self.directory.clone()),
                        ")" => {
                            if let Some(directory) = self.groups.pop() {
                                self.directory = directory;
                            }
                        }
                        _ => {}
                    }
                    // What begins or ends a group says nothing of how it is joined.
                    if !(*operator == "(" || (*operator == ")" && said.is_empty())) {
                        connector = operator;
                    }
                }
            }
            tokens = rest;
        }
        self.simple(connector, &raw, output, depth);
    }

    /// Whether what is here runs.
    fn is_live(&self) -> Option<bool> {
        let each = self.blocks.iter().map(|block| match block {
            Block::If { earlier, asks: true, .. } => not(*earlier),
            Block::If { taken, .. } => *taken,
            Block::Other => None,
        });
        each.fold(Some(true), and)
    }

    /// A command without operators in it, after the words that begin and end blocks.
    fn simple(&mut self, connector: &str, mut raw: &[String], output: Option<String>, depth: usize) {
        let mut is_negated = false;
        while let Some((first, rest)) = raw.split_first() {
            match first.as_str() {
                "if" => self.blocks.push(Block::If { earlier: Some(false), taken: None, asks: true }),
                "elif" | "else" => {
                    if let Some(Block::If { earlier, taken, asks }) = self.blocks.last_mut() {
                        *earlier = or(*earlier, *taken);
                        *taken = not(*earlier);
                        *asks = first == "elif";
                    }
                    self.status = Some(true);
                }
                "then" | "do" => {
                    let status = self.status;
                    if let Some(Block::If { earlier, taken, asks }) = self.blocks.last_mut() {
                        *taken = and(not(*earlier), status);
                        *asks = false;
                    }
                    self.status = Some(true);
                }
                "fi" | "done" | "esac" => {
                    self.blocks.pop();
                    self.status = Some(true);
                }
                "for" | "while" | "until" | "case" | "select" => {
                    self.blocks.push(Block::Other);
                    if matches!(first.as_str(), "for" | "select") {
                        self.unknown.extend(rest.first().cloned());
                    }
                    return;
                }
                "!" => is_negated = true,
                "{" | "}" | "time" => {}
                _ => break,
            }
            raw = rest;
        }
        if raw.is_empty() {
            return;
        }
        let joined = match connector {
            "&&" => self.status,
            "||" => not(self.status),
            _ => Some(true),
        };
        match and(joined, self.is_live()) {
            Some(false) => {}
            runs => self.run(raw, output, runs, depth),
        }
        if is_negated {
            // Of what is no test it is only a guess that it succeeds.
            let is_test = matches!(raw[0].as_str(), "[" | "[[" | "test" | "false");
            self.status = not(self.status).filter(|_| is_test);
        }
    }

    fn run(&mut self, raw: &[String], output: Option<String>, runs: Option<bool>, depth: usize) {
        let mut variables = self.variables.clone();
        let mut rest = raw;
        let mut unknown = self.unknown.clone();
        while let Some((name, value)) = rest.first().and_then(|word| assignment(word)) {
            let value = self.expand(value);
            // What may or may not be assigned is not known afterwards.
            assign(&mut variables, &mut unknown, name, (value.0, value.1 && runs == Some(true)));
            rest = &rest[1..];
        }
        if rest.is_empty() {
            (self.variables, self.unknown) = (variables, unknown);
            return;
        }
        let expanded: Vec<(Vec<String>, bool)> = rest.iter().map(|word| self.expand(word)).collect();
        let clear = expanded.iter().all(|(_, clear)| *clear);
        let words: Vec<String> = expanded.into_iter().flat_map(|(words, _)| words).collect();
        let Some(first) = words.first() else { return };
        let name = first.rsplit('/').next().unwrap_or_default();
        self.status = Some(true);
        match name {
            "cd" if clear && runs == Some(true) => {
                let to = words.get(1).map_or("/root", String::as_str);
                self.directory = normal(&self.directory.join(to));
            }
            "export" | "readonly" | "declare" | "local" => {
                for (name, value) in rest[1..].iter().filter_map(|word| assignment(word)) {
                    let value = if runs == Some(true) { self.expand(value) } else { (Vec::new(), false) };
                    assign(&mut self.variables, &mut self.unknown, name, value);
                }
            }
            "[" | "test" | "[[" => self.status = self.test(&words[1..]).filter(|_| clear),
            "false" => self.status = Some(false),
            "." | "source" if words.get(1).is_some_and(|file| file.ends_with("/bin/activate")) => {
                let place = words[1].trim_end_matches("/bin/activate");
                let place = normal(&self.directory.join(place)).display().to_string();
                self.variables.insert("VIRTUAL_ENV".into(), place);
            }
            _ if depth < MOST_DEEP && self.inner(&words).is_some() => {
                let Some(inner) = self.inner(&words) else { return };
                self.inside(&inner, runs.filter(|_| clear), depth);
            }
            _ => {
                let output = output.map(|file| self.expand(&file).0.concat());
                let output = output.map(|file| normal(&self.directory.join(file)));
                let (said, directory) = (rest.join(" "), self.directory.clone());
                let certain = clear && runs == Some(true);
                self.found.push(Command { words, said, directory, variables, output, certain });
            }
        }
    }

    /// The words that a word stands for, and whether that is known.
    fn expand(&self, raw: &str) -> (Vec<String>, bool) {
        let words = Words { escape: '\\', variables: &self.variables };
        let (mut all, mut word, mut clear) = (Vec::new(), None::<String>, true);
        let mut quote = None;
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
                ('`', None | Some('"')) => clear = false,
                ('$', None | Some('"')) => {
                    let rest: String = chars.clone().collect();
                    clear &= !rest.starts_with('(') && !self.is_unknown(&rest);
                    let value = words.variable(&mut chars);
                    // Of all arguments each stays a word.
                    if quote.is_some() && !rest.trim_start_matches('{').starts_with(ALL) {
                        word.get_or_insert_default().push_str(&value);
                        continue;
                    }
                    for (at, part) in value.split(char::is_whitespace).enumerate() {
                        if at > 0 {
                            all.extend(word.take().filter(|word| !word.is_empty()));
                        }
                        if !part.is_empty() {
                            word.get_or_insert_default().push_str(part);
                        }
                    }
                }
                (c, _) => word.get_or_insert_default().push(c),
            }
        }
        all.extend(word);
        (all, clear)
    }

    fn is_unknown(&self, after_dollar: &str) -> bool {
        let name = after_dollar.trim_start_matches('{');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        self.unknown.contains(&name[..end])
    }

    /// How a test ends.
    fn test(&self, words: &[String]) -> Option<bool> {
        let words: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !matches!(*word, "]" | "]]")).collect();
        match words[..] {
            ["!", ref rest @ ..] => {
                let rest: Vec<String> = rest.iter().map(|word| (*word).to_owned()).collect();
                not(self.test(&rest))
            }
            [one, "=" | "==", other] => Some(one == other),
            [one, "!=", other] => Some(one != other),
            ["-n"] | [] => Some(false),
            ["-z"] => Some(true),
            ["-n", text] | [text] => Some(!text.is_empty()),
            ["-z", text] => Some(text.is_empty()),
            // What the project has not, its image may have.
            ["-f" | "-e" | "-d" | "-s" | "-r", path] => {
                (self.start.place)(&normal(&self.directory.join(path))).map(|_| true)
            }
            _ => None,
        }
    }
}

fn not(one: Option<bool>) -> Option<bool> {
    one.map(|one| !one)
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    not(and(not(one), not(other)))
}

/// `NAME=value`
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, value))
}

fn assign(
    variables: &mut BTreeMap<String, String>,
    unknown: &mut BTreeSet<String>,
    name: &str,
    (words, clear): (Vec<String>, bool),
) {
    if clear {
        unknown.remove(name);
        variables.insert(name.to_owned(), words.join(" "));
    } else {
        unknown.insert(name.to_owned());
        variables.remove(name);
    }
}

#[cfg(test)]
mod tests;
