//! The one error of the edge: what failed, why, and the way out.

use std::error::Error as StdError;

use backlot_project::ProjectError;

use crate::exit::Exit;

/// An error as it is shown to a person, or to a program with `--json`.
#[derive(Debug)]
pub struct CommandError {
    /// What the process ends with.
    pub exit: Exit,
    /// A stable name of the kind of error, for programs.
    pub code: &'static str,
    /// What failed, with its chain of causes.
    pub error: Box<dyn StdError + Send + Sync>,
    /// The ways out, each a sentence.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error that ends with exit code 1.
    pub fn failed(code: &'static str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { exit: Exit::Failed, code, error: error.into(), hints: Vec::new() }
    }

    /// A name or an option that makes no sense: exit code 2.
    pub fn usage(code: &'static str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { exit: Exit::Usage, code, error: error.into(), hints: Vec::new() }
    }

    /// The same error with one more way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<ProjectError> for CommandError {
    fn from(error: ProjectError) -> Self {
        let hint = error.hint().map(str::to_owned);
        let command_error = Self::failed(error.code(), error);
        match hint {
            Some(hint) => command_error.hint(hint),
            None => command_error,
        }
    }
}
