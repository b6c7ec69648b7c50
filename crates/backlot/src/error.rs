//! The one error of the edge: what failed, why, and the way out.

use std::error::Error as StdError;

use backlot_engine::DockerError;
use backlot_engine::StackError;
use backlot_engine::{DatabaseError, EngineError, RecordError};
use backlot_postgres::{StartError, StorageError, TemplateError};
use backlot_project::ProjectError;
use backlot_supervisor::{Failure, FailureCode};

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

    /// The same error, with the options that name the project in the command lines of its hints.
    #[must_use]
    pub fn within(mut self, options: &str) -> Self {
        for hint in &mut self.hints {
            for verb in ["scenario ", "-e "] {
                *hint = hint.replace(&format!("backlot {verb}"), &format!("backlot {options}{verb}"));
            }
        }
        self
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

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let (code, hint) = if is_full_disk(&error) {
            let hint = "free some space, or set BACKLOT_HOME to a directory on another disk";
            ("disk-full", Some(hint.to_owned()))
        } else {
            explain(&error)
        };
        let exit = match error {
            EngineError::Interrupted | EngineError::StoppedWaiting => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let hints = hint.into_iter().collect();
        Self { exit, code, error: error.into(), hints }
    }
}

impl From<backlot_process::ProcessError> for CommandError {
    fn from(error: backlot_process::ProcessError) -> Self {
        EngineError::from(error).into()
    }
}

/// Whether it comes down to a disk without space, whoever noticed that.
fn is_full_disk(error: &EngineError) -> bool {
    if let EngineError::Template(TemplateError::Storage(StorageError::Full { .. }))
    | EngineError::Start(StartError::Storage(StorageError::Full { .. })) = error
    {
        return true;
    }
    let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded];
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.downcast_ref::<std::io::Error>().is_some_and(|error| full.contains(&error.kind())) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// The stable name of an error, and the way out of it.
fn explain(error: &EngineError) -> (&'static str, Option<String>) {
    let hint = |text: &str| Some(text.to_owned());
    match error {
        EngineError::Home(_) => ("home", hint("set BACKLOT_HOME to a directory that is yours")),
        EngineError::Lock(_) | EngineError::StillHeld { .. } => ("lock", None),
        EngineError::Record { environment, source } => (
            "state-damaged",
            Some(match source {
                RecordError::Newer { .. } => {
                    "use the newer Backlot, or remove the environment with it".into()
                }
                RecordError::Read { .. } | RecordError::Damaged { .. } | RecordError::Write { .. } => {
                    format!("remove what is left of it: {}", way_down(environment))
                }
            }),
        ),
        EngineError::Busy { .. } => ("busy", hint("wait for the other command, or stop it")),
        EngineError::NotUp { environment, exists: true } => (
            "not-up",
            Some(format!("its server is gone; bring it up anew, or remove it: {}", way_down(environment))),
        ),
        EngineError::NotUp { .. } => ("not-up", None),
        EngineError::Io { .. } => ("io", None),
        EngineError::Database(error) => ("database", Some(explain_database(error))),
        EngineError::Volume(error) => (error.code(), Some(error.hint())),
        EngineError::Change(error) => (error.code(), Some(error.hint())),
        EngineError::Locate(error) => ("no-postgres", Some(error.hint())),
        EngineError::NoExtension { extension, .. } => (
            "no-extension",
            Some(format!(
                "install it for the native Postgres (on Debian: apt-cache search postgresql-.*{extension})"
            )),
        ),
        EngineError::Template(_) => ("template", None),
        EngineError::Start(error) => explain_start(error),
        EngineError::Stop(_) => ("stop", None),
        EngineError::Connection(_) => ("connection", None),
        EngineError::Process(_) => ("process", None),
        EngineError::NoProgram { program, .. } => {
            ("no-program", Some(format!("install {program}, or put it on PATH")))
        }
        EngineError::CsvHeader { .. } => {
            ("csv-header", hint("write the columns' names into its first line: id,email"))
        }
        EngineError::Scenario { .. } => ("scenario-failed", None),
        EngineError::NoTestProgram { program } => {
            ("no-program", Some(format!("install {program}, or put it on PATH")))
        }
        EngineError::NoPytest { python } => {
            ("no-pytest", Some(format!("{} -m pip install pytest pytest-cov", python.display())))
        }
        EngineError::NoRunner { .. } => (
            "no-runner",
            hint(
                "say what runs the tests: `backlot test -- CMD`, or `x-backlot: {test: CMD}` in the Compose file",
            ),
        ),
        EngineError::Port(error) => ("port-in-use", Some(error.hint())),
        EngineError::Stack(error) => explain_stack(error),
        EngineError::NoServices { environment } => {
            ("not-up", Some(format!("start them: backlot -e {environment} up -d")))
        }
        EngineError::Supervisor(failure) => explain_failure(failure),
        EngineError::SupervisorLost { last_lines, .. } => ("supervisor", last_words(last_lines)),
        EngineError::SupervisorSilent { environment, .. } => (
            "supervisor",
            Some(format!(
                "it was halted, or the machine is too busy; to end it with all that it runs: {}",
                way_down(environment)
            )),
        ),
        EngineError::Control(_) => ("supervisor", None),
        EngineError::NoDatabase { .. } => ("no-database", hint("give it a service with `image: postgres`")),
        EngineError::OtherEngine { environment, engine } => (
            "other-engine",
            Some(format!(
                "leave --engine out, or take it down first: {} (it runs on {engine})",
                way_down(environment)
            )),
        ),
        EngineError::Docker(error) => (error.code(), explain_docker(error)),
        EngineError::Interrupted | EngineError::StoppedWaiting => ("interrupted", None),
    }
}

/// The way out, and the last lines of what failed.
fn explain_docker(error: &DockerError) -> Option<String> {
    match (error.hint(), last_words(error.last_lines())) {
        (Some(hint), Some(last)) => Some(format!("{hint}; {last}")),
        (hint, last) => hint.or(last),
    }
}

fn explain_stack(error: &StackError) -> (&'static str, Option<String>) {
    let code = match error {
        StackError::NoCommand { .. } => "no-command",
        StackError::NoProgram { .. } => "no-program",
        StackError::SecondDatabase { .. } => "second-database",
        StackError::NoService { .. } => "no-service",
        StackError::LeadsElsewhere { .. } => "leads-elsewhere",
        StackError::Scaled { .. } => "impossible",
        StackError::NoNginx { .. } => "no-nginx",
        StackError::Nginx(_) => "nginx-config",
        StackError::Storage(_) => "storage",
        StackError::SamePort { .. } => "same-port",
        StackError::NoPort { .. } => "no-port",
        StackError::Write { .. } => "io",
    };
    (code, error.hint())
}

/// What a supervisor could not do; the last lines of a failed process are the best hint that there is.
fn explain_failure(failure: &Failure) -> (&'static str, Option<String>) {
    let code = match failure.code {
        FailureCode::NoService => "no-service",
        FailureCode::Impossible => "impossible",
        FailureCode::Structure => "structure",
        FailureCode::Service => "service-failed",
        FailureCode::PortInUse => "port-in-use",
        FailureCode::Stopping => "stopping",
    };
    (code, last_words(&failure.last_lines))
}

fn last_words(lines: &[String]) -> Option<String> {
    (!lines.is_empty()).then(|| format!("its last lines were\n{}", lines.join("\n")))
}

/// The command that removes an environment.
fn way_down(environment: &str) -> String {
    match environment.strip_prefix("scenario_") {
        Some(scenario) => format!("backlot scenario down {scenario}"),
        None => format!("backlot -e {environment} down"),
    }
}

fn explain_database(error: &DatabaseError) -> String {
    match error {
        DatabaseError::NoPassword { at, .. } => {
            format!(
                "set it under `environment:` of the service ({at}); a value is enough for throw-away databases"
            )
        }
        DatabaseError::Storage(error) => error.hint(),
        DatabaseError::SecretFile { .. } => "create the file, or set the variable itself".into(),
        DatabaseError::Command { at, .. } => {
            format!("natively, the command may only set parameters: `postgres -c name=value` ({at})")
        }
    }
}

fn explain_start(error: &StartError) -> (&'static str, Option<String>) {
    match error {
        StartError::PortInUse { .. } => {
            ("port-in-use", Some("stop what uses it, or publish another port".into()))
        }
        StartError::ForeignData { .. } => (
            "not-our-data",
            Some("mount a folder of its own for Backlot, or give it to that account (then a container cannot use it)".into()),
        ),
        StartError::WrongVersion { data, .. } => {
            ("other-major", Some(format!("ask for `image: postgres:{data}`, or mount another folder")))
        }
        StartError::AlreadyRunning { .. } => ("data-in-use", Some("stop that server first".into())),
        _ => ("postgres-start", None),
    }
}
