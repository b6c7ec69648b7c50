//! The one error of the edge: what failed, why, and the way out. Errors know their names and ways out themselves.

use std::error::Error as StdError;

use backlot_engine::{DoorError, EngineError, Explain, Hint, Obstacle};
use backlot_process::{OwnerError, ProcessError, in_full};
use backlot_project::{NameError, ProjectError};

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
    /// The ways out.
    pub hints: Vec<Hint>,
    /// What it is made of, where that is more than one thing.
    pub obstacles: Vec<Obstacle>,
    /// What else is wrong, and would show once this is mended.
    pub also: Vec<CommandError>,
}

impl CommandError {
    /// An error that ends with exit code 1.
    pub fn failed(code: &'static str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error = error.into();
        Self { exit: Exit::Failed, code, error, hints: Vec::new(), obstacles: Vec::new(), also: Vec::new() }
    }

    /// A name or an option that makes no sense: exit code 2.
    pub fn usage(code: &'static str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(code, error) }
    }

    /// The same error with another one, which would show once this is mended.
    #[must_use]
    pub fn and(mut self, mut other: Self) -> Self {
        if self.obstacles.is_empty() {
            self.obstacles.push(self.obstacle());
        }
        if other.obstacles.is_empty() {
            self.obstacles.push(other.obstacle());
        }
        self.obstacles.append(&mut other.obstacles);
        self.also.push(other);
        self
    }

    fn obstacle(&self) -> Obstacle {
        let hint = self.hints.iter().cloned().reduce(|one, other| one.then("\n").then(other));
        Obstacle { code: self.code, message: in_full(self.error.as_ref()), hint }
    }

    /// The same error with one more way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<ProjectError> for CommandError {
    fn from(error: ProjectError) -> Self {
        let hints = error.hint().map(Hint::from).into_iter().collect();
        let more = error.more().iter().map(|fault| Obstacle {
            code: fault.problem().code(),
            message: fault.to_string(),
            hint: fault.hint().map(Hint::from),
        });
        let first =
            Obstacle { code: error.code(), message: error.to_string(), hint: error.hint().map(Hint::from) };
        let obstacles =
            if error.more().is_empty() { Vec::new() } else { [first].into_iter().chain(more).collect() };
        Self { hints, obstacles, ..Self::failed(error.code(), error) }
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let was_interrupted = matches!(
            error,
            EngineError::Interrupted | EngineError::StoppedWaiting | EngineError::InterruptedAfter { .. }
        );
        let exit = if was_interrupted { Exit::Interrupted } else { Exit::Failed };
        let (code, hints, obstacles) = (error.code(), error.hint().into_iter().collect(), error.obstacles());
        Self { exit, hints, obstacles, ..Self::failed(code, error) }
    }
}

impl From<DoorError> for CommandError {
    fn from(error: DoorError) -> Self {
        let (code, hints) = (error.code(), error.hint().into_iter().collect());
        Self { hints, ..Self::failed(code, error) }
    }
}

impl From<NameError> for CommandError {
    fn from(error: NameError) -> Self {
        Self::usage(error.code(), error)
    }
}

impl From<OwnerError> for CommandError {
    fn from(error: OwnerError) -> Self {
        Self::failed("no-postgres-account", error).hint("run backlot as an ordinary user")
    }
}

impl From<ProcessError> for CommandError {
    fn from(error: ProcessError) -> Self {
        EngineError::from(error).into()
    }
}
