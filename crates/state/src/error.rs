//! Why an engine could not do what was asked.

mod explain;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use backlot_facts::NoService;
use backlot_facts::database::DatabaseError;
use backlot_hint::{Explain, Explained};
use backlot_postgres::{DatabaseError as PgError, LocateError, StartError, StopError, Version};
use backlot_process::ProcessError;
use backlot_snapshots::SnapshotError;
use backlot_supervisor::{ClientError, Failure};
use backlot_templates::TemplateError;
use backlot_view::ViewError;

use crate::home::HomeError;
use crate::lock::LockError;
use crate::record::{EngineKind, RecordError};

impl EngineError {
    /// That a part has failed.
    pub fn of(error: impl Explain + 'static) -> Self {
        Self::Part(Explained::of(error))
    }
}

impl From<SnapshotError> for EngineError {
    fn from(error: SnapshotError) -> Self {
        Self::of(error)
    }
}

/// What can fail on the way from a plan to a running environment.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The state directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A lock cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The record cannot be read or written.
    #[error("the state of {environment} is not usable")]
    Record {
        /// The environment.
        environment: String,
        /// Why.
        source: RecordError,
    },
    /// Another command is changing the environment.
    #[error("{environment} is being changed by another backlot{} for more than {} s", holder.as_deref().map(|pid| format!(" (pid {pid})")).unwrap_or_default(), waited.as_secs())]
    Busy {
        /// The environment.
        environment: String,
        /// The pid that holds it.
        holder: Option<String>,
        /// How long we waited.
        waited: Duration,
    },
    /// The environment does not run.
    #[error("{environment} is not up")]
    NotUp {
        /// The environment.
        environment: String,
        /// Whether anything of it is there.
        exists: bool,
    },
    /// A directory or file cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No fitting Postgres is installed.
    #[error("cannot {0}")]
    Locate(#[from] LocateError),
    /// The image is made for an extension that the native server does not have.
    #[error(
        "service {service} needs the extension {extension}, which is not installed for PostgreSQL {version}"
    )]
    NoExtension {
        /// The service.
        service: String,
        /// The extension.
        extension: &'static str,
        /// The server's version.
        version: Version,
    },
    /// The template cannot be made or cloned.
    #[error("cannot {0}")]
    Template(#[from] TemplateError),
    /// The server does not start.
    #[error("cannot {0}")]
    Start(#[from] StartError),
    /// The server does not stop.
    #[error("cannot {0}")]
    Stop(#[from] StopError),
    /// The lock is held although the server was stopped.
    #[error("{} is still held {} s after the server was stopped", lock.display(), waited.as_secs())]
    StillHeld {
        /// The lock.
        lock: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// The database does not do what it was asked.
    #[error("cannot {0}")]
    Connection(#[from] PgError),
    /// A program cannot be run.
    #[error("cannot {0}")]
    Process(#[source] ProcessError),
    /// A program that is needed is not on PATH.
    #[error("no {program} is on PATH, which {} needs", needed_by.display())]
    NoProgram {
        /// The program.
        program: &'static str,
        /// What needs it.
        needed_by: PathBuf,
    },
    /// A CSV file's first line names no columns.
    #[error("the first line of {} does not name the columns", file.display())]
    CsvHeader {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Option<csv::Error>,
    },
    /// A scenario's file ran and failed.
    #[error("scenario {name} failed: its file ended with exit code {code}")]
    Scenario {
        /// The scenario.
        name: String,
        /// The exit code.
        code: u8,
    },
    /// The program that should run the tests is not on PATH.
    #[error("no program {program} is on PATH to run the tests")]
    NoTestProgram {
        /// The program.
        program: String,
    },
    /// The project's Python has no pytest.
    #[error("pytest is not installed for {}", python.display())]
    NoPytest {
        /// The interpreter.
        python: PathBuf,
    },
    /// No test runner fits the project.
    #[error("no test runner was found for {}", root.display())]
    NoRunner {
        /// The project's directory.
        root: PathBuf,
    },
    /// No supervisor runs the environment's services.
    #[error("the services of {environment} are not up")]
    NoServices {
        /// The environment.
        environment: String,
    },
    /// The supervisor cannot do, or has not managed, what it was asked for.
    #[error("{}", .0.text)]
    Supervisor(Box<Failure>),
    /// The supervisor ended without a word.
    #[error("the supervisor of {environment} ended without a word")]
    SupervisorLost {
        /// The environment.
        environment: String,
        /// The last lines that it wrote.
        last_lines: Vec<String>,
    },
    /// The supervisor runs and says nothing.
    #[error("the supervisor of {environment}{} has said nothing for {} s", holder.as_deref().map(|pid| format!(" (process {pid})")).unwrap_or_default(), waited.as_secs())]
    SupervisorSilent {
        /// The environment.
        environment: String,
        /// The pid that the supervisor has written down.
        holder: Option<String>,
        /// How long was waited.
        waited: Duration,
    },
    /// The supervisor is that of a version of us with which this one cannot talk.
    #[error(
        "the services of {environment} are run by another version of Backlot, with which this one cannot talk"
    )]
    SupervisorForeign {
        /// The environment.
        environment: String,
    },
    /// The supervisor does not answer.
    #[error("the supervisor does not answer")]
    Control(#[source] io::Error),
    /// The stack has no Postgres.
    #[error("the stack of {environment} has no Postgres service")]
    NoDatabase {
        /// The environment.
        environment: String,
    },
    /// A service cannot see what it is to have at paths of its own.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Nobody could answer for the addresses of a view.
    #[error("failed to give a program addresses of its own")]
    Network(#[source] std::io::Error),
    /// Another engine runs the environment.
    #[error("{environment} runs on the {engine} engine")]
    OtherEngine {
        /// The environment.
        environment: String,
        /// What runs it.
        engine: EngineKind,
    },
    /// A command that is to run as a service is nobody's program as far as it is known, and nearly one that is there.
    #[error("no program {program} is here, and the image of {service} is not, either")]
    Misspelt {
        /// The service.
        service: String,
        /// The word.
        program: String,
        /// What is there.
        near: String,
    },
    /// The environment is not up, its data is on Docker, and that cannot be asked.
    #[error("the data of {environment} is on Docker, which cannot be asked: {source}")]
    DataOnDocker {
        /// The environment.
        environment: String,
        /// Why.
        source: Box<EngineError>,
    },
    /// It can be done with databases of this machine alone.
    #[error("cannot {what} of {environment}: it runs on Docker")]
    OnlyNative {
        /// What was to be done.
        what: &'static str,
        /// The environment.
        environment: String,
    },
    /// Something that one part alone knows, which explains itself.
    #[error(transparent)]
    Part(Explained),
    /// What migrates the database has failed.
    #[error("the migration failed: {what} ended with exit code {code}")]
    Migration {
        /// What it is.
        what: String,
        /// Its exit code.
        code: u8,
        /// Whether the database outlives that.
        is_kept: bool,
    },
    /// The program of a migration is not there.
    #[error("the program {program} of a migration is not on PATH")]
    NoMigrationProgram {
        /// Its name.
        program: String,
    },
    /// The caller asked to stop.
    #[error("interrupted; nothing is left of what was begun")]
    Interrupted,
    /// The caller asked to stop while something was done with services that run.
    #[error("interrupted; the services go on")]
    StoppedWaiting,
    /// The caller asked to stop when the most of it was done.
    #[error("interrupted; {done}")]
    InterruptedAfter {
        /// What was done, and what was not.
        done: String,
    },
}

impl From<ProcessError> for EngineError {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::AskedToStop { .. } => Self::Interrupted,
            ProcessError::Start { .. }
            | ProcessError::NulByte { .. }
            | ProcessError::ViewOfAnother { .. }
            | ProcessError::TimedOut { .. }
            | ProcessError::Failed { .. }
            | ProcessError::Wait { .. } => Self::Process(error),
        }
    }
}

impl From<ClientError> for EngineError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Failure(failure) => Self::Supervisor(Box::new(failure)),
            ClientError::Interrupted => Self::Interrupted,
            ClientError::Gone => {
                Self::Control(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it had answered"))
            }
            ClientError::Silent { .. } => Self::Control(io::Error::new(io::ErrorKind::TimedOut, error)),
            ClientError::Foreign(_) => Self::Control(io::Error::new(io::ErrorKind::InvalidData, error)),
            ClientError::Io(source) => Self::Control(source),
        }
    }
}

impl From<DatabaseError> for EngineError {
    fn from(error: DatabaseError) -> Self {
        Self::of(error)
    }
}

impl From<NoService> for EngineError {
    fn from(error: NoService) -> Self {
        Self::of(error)
    }
}
