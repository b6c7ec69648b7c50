//! Commands that are made of others: functions, lines for a shell, scripts of the project's own.

use std::path::Path;

use super::{Block, Walk, normal};
use crate::shell_tokens::{Token, tokens};

/// Shells whose `-c` is a line.
const SHELLS: [&str; 5] = ["sh", "bash", "ash", "dash", "zsh"];
/// Where images have programs, in the order in which those are looked for.
const PROGRAMS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// The variable of all arguments.
pub(super) const ALL: &str = "@";

/// What a command consists of.
pub(super) struct Inner {
    commands: Vec<Token>,
    arguments: Vec<String>,
    /// Whether directory and variables of its own end with it.
    is_apart: bool,
}

impl Walk<'_> {
    /// The commands that a command consists of: a function, a line for a shell, a script of the project's own.
    pub(super) fn inner(&self, words: &[String]) -> Option<Inner> {
        let (first, rest) = words.split_first()?;
        if let Some(body) = self.functions.get(first) {
            return Some(Inner { commands: body.clone(), arguments: rest.to_vec(), is_apart: false });
        }
        let is_shell = SHELLS.contains(&first.rsplit('/').next().unwrap_or_default());
        if is_shell && let Some(line) = line_of(words) {
            return Some(Inner { commands: tokens(line), arguments: Vec::new(), is_apart: true });
        }
        let is_read = matches!(first.as_str(), "." | "source");
        let rest = match rest.iter().position(|word| !word.starts_with('-')) {
            Some(at) if is_shell || is_read => rest.get(at..)?,
            Some(_) | None => words,
        };
        let (file, arguments) = rest.split_first()?;
        let place = |path: &Path| (self.start.place)(path).filter(|file| file.is_file());
        // A name alone is looked for on PATH, unless a shell is told it.
        let file = if !file.contains('/') && !is_shell && !is_read {
            PROGRAMS.iter().find_map(|folder| place(&Path::new(folder).join(file)))?
        } else {
            place(&normal(&self.directory.join(file)))?
        };
        let text = backlot_files::text(&file).ok()?;
        let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!"));
        let is_script = is_shell || is_read || interpreter.is_some_and(|program| program.contains("sh"));
        is_script.then(|| Inner {
            commands: tokens(&text),
            arguments: arguments.to_vec(),
            is_apart: !is_read,
        })
    }

    pub(super) fn inside(&mut self, inner: &Inner, runs: Option<bool>, depth: usize) {
        let blocks = self.blocks.len();
        if runs.is_none() {
            self.blocks.push(Block::Other);
        }
        let before = (self.directory.clone(), self.variables.clone(), self.unknown.clone());
        let functions = self.functions.clone();
        self.variables.retain(|name, _| !is_positional(name));
        let numbered = inner.arguments.iter().enumerate();
        self.variables.extend(numbered.map(|(at, word)| ((at + 1).to_string(), word.clone())));
        self.variables.insert(ALL.into(), inner.arguments.join(" "));
        self.line(&inner.commands, depth + 1);
        if inner.is_apart {
            (self.directory, self.variables, self.unknown) = before;
            self.functions = functions;
        } else {
            self.variables.retain(|name, _| !is_positional(name));
            self.variables.extend(before.1.into_iter().filter(|(name, _)| is_positional(name)));
        }
        self.blocks.truncate(blocks);
    }
}

fn is_positional(name: &str) -> bool {
    name == ALL || name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The line that `sh -ec LINE` runs.
fn line_of(words: &[String]) -> Option<&str> {
    let at = words.iter().position(|word| {
        word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') && word.len() < 6
    })?;
    words.get(at + 1).map(String::as_str)
}
