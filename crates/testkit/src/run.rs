//! One run of a program on a stage, and what came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::{Child, Group, Program, SpawnOptions, Stream, exit_code};

use crate::stage::Stage;

/// No run takes longer than this, cold builds of an example included.
const LIMIT: Duration = Duration::from_mins(8);

/// A program to run on a stage.
#[derive(Debug)]
pub struct Run<'s> {
    stage: &'s Stage,
    program: Program,
    stdin: Vec<u8>,
}

impl<'s> Run<'s> {
    pub(crate) fn new(stage: &'s Stage, program: &Path, arguments: &[&str]) -> Self {
        let path = match program.components().count() {
            1 => find(program),
            _ => program.to_owned(),
        };
        let program = Program::new(path)
            .args(arguments.iter().copied())
            .envs(stage.variables())
            .current_dir(stage.project());
        Self { stage, program, stdin: Vec::new() }
    }

    /// Sets a variable for this run.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.program = self.program.env(name, value.into());
        self
    }

    /// Runs in another directory.
    #[must_use]
    pub fn within(mut self, directory: impl Into<PathBuf>) -> Self {
        self.program = self.program.current_dir(directory.into());
        self
    }

    /// Pipes text to the run.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs to the end.
    pub fn output(self) -> Outcome {
        let shown = self.program.to_string();
        let output =
            self.program.output_with(&self.stdin, LIMIT).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let text = |bytes: &[u8]| self.stage.neutral(&String::from_utf8_lossy(bytes));
        Outcome {
            shown,
            code: exit_code(output.status),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Starts and returns at once; for runs that are to be interrupted or killed. Its output goes to the files
    /// `stdout` and `stderr` of the stage.
    pub fn start(self) -> Child {
        let file = |name: &str| Stream::File(std::fs::File::create(self.stage.root().join(name)).unwrap());
        let options = SpawnOptions {
            group: Group::NewSession,
            dies_with_parent: None,
            stdout: file("stdout"),
            stderr: file("stderr"),
            ..SpawnOptions::default()
        };
        self.program.spawn(options).unwrap()
    }
}

impl Stage {
    /// Text without what differs from run to run: directories of the stage become `[project]`, `[home]` and `[stage]`.
    fn neutral(&self, text: &str) -> String {
        let root = self.root().canonicalize().unwrap();
        let text = self.shown().fold(text.to_owned(), |text, (what, shown)| text.replace(what, shown));
        text.replace(&self.project().display().to_string(), "[project]")
            .replace(&root.join("home").display().to_string(), "[home]")
            .replace(&root.display().to_string(), "[stage]")
    }
}

pub(crate) fn find(program: &Path) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no {} on PATH", program.display()))
}

/// What came of a run. Assertions show all of it when they fail.
#[derive(Debug)]
pub struct Outcome {
    /// The command line.
    pub shown: String,
    /// The exit code, 128 + signal for a signal.
    pub code: u8,
    /// What it printed as data.
    pub stdout: String,
    /// What it told meanwhile.
    pub stderr: String,
}

impl Outcome {
    /// Asserts the exit code alone. Prefer [`Outcome::assert`].
    #[track_caller]
    pub fn assert_code(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts exit code, stdout and stderr. `…` in an expectation stands for anything within a line, a line that is
    /// only `…` for any number of lines.
    #[track_caller]
    pub fn assert(self, code: u8, stdout: &str, stderr: &str) -> Self {
        assert_eq!(self.code, code, "exit code\n{self}");
        assert!(matches(stdout, &self.stdout), "stdout is not\n{stdout}\n{self}");
        assert!(matches(stderr, &self.stderr), "stderr is not\n{stderr}\n{self}");
        self
    }

    /// Asserts success, this on stdout, and nothing on stderr.
    #[track_caller]
    pub fn assert_prints(self, stdout: &str) -> Self {
        self.assert(0, stdout, "")
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shown, code, stdout, stderr } = self;
        write!(f, "$ {shown}\nexit code {code}\n--- stdout ---\n{stdout}\n--- stderr ---\n{stderr}\n---")
    }
}

/// Whether `text` is as `pattern` has it; white space at line ends and around the whole is not looked at.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let lines = |text: &str| text.trim().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines_match(&lines(pattern), &lines(text))
}

fn lines_match(pattern: &[String], text: &[String]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=text.len()).any(|skip| lines_match(rest, &text[skip..]))
        }
        Some((first, rest)) => text
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others)),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn an_ellipsis_stands_for_what_differs() {
        assert!(matches("a … c", "a bbb c"));
        assert!(matches("…", ""));
        assert!(matches("a\n…\nd", "a\nb\nc\nd\n"));
        assert!(matches("x…", "x"));
        assert!(!matches("a … c", "a bbb d"));
        assert!(!matches("a", "a\nb"));
        assert!(!matches("", "a"));
        assert!(!matches("ab…ba", "aba"));
    }
}
