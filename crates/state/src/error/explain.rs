//! Each error's stable name, and the way out of it.

use std::error::Error as _;
use std::io;
use std::path::Path;

use backlot_hint::{Hint, Obstacle, quoted};
use backlot_postgres::{StartError, StorageError};
use backlot_templates::TemplateError;

use super::EngineError;
use crate::tools::VENV_FOLDERS;

fn down_first(text: &str, environment: &str) -> Hint {
    Hint::from(text).then(Hint::down(environment))
}

fn way_up(environment: &str) -> Hint {
    match environment.strip_prefix("scenario_") {
        Some(scenario) => Hint::command(&["scenario", "up", scenario]),
        None => Hint::from("start it: ").then(Hint::command(&["-e", environment, "up", "-d"])),
    }
}

const NO_RUNNER: &str =
    "say what runs the tests: `backlot test -- CMD`, or `x-backlot: {test: CMD}` in the Compose file";

impl EngineError {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        if self.is_full_disk() {
            return "disk-full";
        }
        match self {
            Self::Home(_) => "home",
            Self::Lock(_) | Self::StillHeld { .. } => "lock",
            Self::Record { .. } => "state-damaged",
            Self::Busy { .. } => "busy",
            Self::NotUp { .. } | Self::NoServices { .. } => "not-up",
            Self::Io { .. } => "io",
            Self::Locate(_) => "no-postgres",
            Self::NoExtension { .. } => "no-extension",
            Self::Template(TemplateError::Init(_)) => "init-script",
            Self::Template(_) => "template",
            Self::Start(error) => error.code(),
            Self::Stop(_) => "stop",
            Self::Connection(_) => "connection",
            Self::Process(_) => "process",
            Self::Migration { .. } => "migration",
            Self::NoProgram { .. } | Self::NoTestProgram { .. } | Self::NoMigrationProgram { .. } => {
                "no-program"
            }
            Self::CsvHeader { .. } => "csv-header",
            Self::Scenario { .. } => "scenario-failed",
            Self::NoPytest { .. } => "no-pytest",
            Self::NoRunner { .. } => "no-runner",
            Self::Part(error) => error.code(),
            Self::Supervisor(failure) => failure.code.name(),
            Self::SupervisorLost { .. } | Self::SupervisorSilent { .. } | Self::Control(_) => "supervisor",
            Self::SupervisorForeign { .. } => "supervisor-version",
            Self::NoDatabase { .. } => "no-database",
            Self::View(_) | Self::Network(_) => "view",
            Self::Misspelt { .. } => "misspelt-program",
            Self::OtherEngine { .. } => "other-engine",
            Self::DataOnDocker { .. } => "data-on-docker",
            Self::OnlyNative { .. } => "only-native",
            Self::Interrupted | Self::StoppedWaiting | Self::InterruptedAfter { .. } => "interrupted",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<Hint> {
        if self.is_full_disk() {
            return Some("free some space, or set BACKLOT_HOME to a directory on another disk".into());
        }
        let hint: Hint = match self {
            Self::Home(_) => "set BACKLOT_HOME to a directory that is yours".into(),
            Self::Record { environment, source } => source.hint(environment),
            Self::Busy { .. } => "wait for the other command, or stop it".into(),
            Self::NotUp { environment, exists: true } => {
                down_first("its server is gone; bring it up anew, or remove it: ", environment)
            }
            Self::NotUp { environment, exists: false } => way_up(environment),
            Self::NoServices { environment } => {
                Hint::from("start them: ").then(Hint::command(&["-e", environment, "up", "-d"]))
            }
            Self::SupervisorSilent { environment, .. } => {
                down_first("it was halted, or the machine is too busy; to end it with all that it runs: ", environment)
            }
            Self::SupervisorForeign { environment } => stop_and_start(environment),
            Self::OtherEngine { environment, engine } => {
                down_first("leave --engine out, or take it down first: ", environment)
                    .then(format!(" (it runs on {engine})"))
            }
            Self::Misspelt { service, program, near } => did_you_mean(service, program, near),
            Self::DataOnDocker { environment, .. } => begin_anew(environment),
            Self::OnlyNative { .. } => "bring it up natively: without --engine docker".into(),
            Self::NoDatabase { .. } => "give it a service with `image: postgres`".into(),
            Self::CsvHeader { .. } => "write the columns' names into its first line: id,email".into(),
            Self::NoExtension { extension, version, .. } => format!(
                "install it for the native Postgres (on Debian: sudo apt-get install {}, which for some is in PostgreSQL's own archive PGDG), or have the project on Docker: --engine docker",
                debian_package(extension, version.major)
            )
            .into(),
            Self::Template(TemplateError::Init(_)) => {
                "mend it and try again: nothing of the new database was kept".into()
            }
            Self::NoProgram { program, .. } => install(program),
            Self::NoTestProgram { program } | Self::NoMigrationProgram { program } => install(program),
            Self::Migration { is_kept: true, .. } => {
                "what it has printed is above; the database is up, as the migration has left it".into()
            }
            Self::Migration { is_kept: false, .. } => {
                "what it has printed is above; nothing of the new database was kept".into()
            }
            Self::NoPytest { python } if is_of_project(python) => {
                format!("{} -m pip install pytest pytest-cov", quoted(python)).into()
            }
            Self::NoPytest { .. } => "name pytest among the project's requirements, or make the project a virtual environment that has it, with what the project needs: python3 -m venv .venv && .venv/bin/pip install pytest pytest-cov".into(),
            Self::NoRunner { .. } => NO_RUNNER.into(),
            Self::Locate(error) => error.hint().into(),
            Self::Start(error) => return error.hint().map(Hint::from),
            Self::Part(error) => return error.hint(),
            Self::Supervisor(failure) => return Hint::last_lines(&failure.last_lines),
            Self::SupervisorLost { last_lines, .. } => return Hint::last_lines(last_lines),
            Self::Lock(_)
            | Self::StillHeld { .. }
            | Self::Io { .. }
            | Self::Template(_)
            | Self::Stop(_)
            | Self::Connection(_)
            | Self::Process(_)
            | Self::View(_)
            | Self::Network(_)
            | Self::Scenario { .. }
            | Self::Control(_)
            | Self::Interrupted
            | Self::StoppedWaiting => return None,
            Self::InterruptedAfter { .. } => Hint::command(&["up", "-d"]).then(" brings it up"),
        };
        Some(hint)
    }
}

impl EngineError {
    /// What it is made of, where that is more than one thing.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        if let Self::Part(error) = self { error.obstacles() } else { Vec::new() }
    }

    /// Whether it comes down to a disk without space, whoever noticed that.
    fn is_full_disk(&self) -> bool {
        if let Self::Template(TemplateError::Storage(StorageError::Full { .. }))
        | Self::Start(StartError::Storage(StorageError::Full { .. })) = self
        {
            return true;
        }
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        let mut next = self.source();
        while let Some(cause) = next {
            if cause.downcast_ref::<io::Error>().is_some_and(|error| full.contains(&error.kind())) {
                return true;
            }
            next = cause.source();
        }
        false
    }
}

/// Whether a Python is of a virtual environment that is kept beside a project. Another one is for all, or is made anew.
fn is_of_project(python: &Path) -> bool {
    let venv = python.parent().and_then(Path::parent).and_then(Path::file_name);
    venv.is_some_and(|name| VENV_FOLDERS.iter().any(|folder| name == *folder))
}

/// The package of Debian, or of PostgreSQL's own archive for it, that has an extension.
fn debian_package(extension: &str, major: u32) -> String {
    let name = match extension {
        "postgis" => "postgis-3",
        "vector" => "pgvector",
        extension => extension,
    };
    format!("postgresql-{major}-{name}")
}

fn install(program: &str) -> Hint {
    format!("install {program}, or put it on PATH").into()
}

/// How an environment gets a supervisor of this version.
fn stop_and_start(environment: &str) -> Hint {
    Hint::from("end it, which keeps all data, and start it anew: ")
        .then(Hint::command(&["-e", environment, "stop"]))
        .then(", then ")
        .then(Hint::command(&["-e", environment, "start"]))
}

fn did_you_mean(service: &str, program: &str, near: &str) -> Hint {
    Hint::from(format!("did you mean {near}? If its image has {program}, have that built: "))
        .then(Hint::command(&["run", "--build", service, program, "…"]))
}

fn begin_anew(environment: &str) -> Hint {
    Hint::from("start Docker; or begin anew natively, without that data: ").then(Hint::command(&[
        "-e",
        environment,
        "--engine",
        "native",
        "up",
    ]))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use backlot_postgres::StorageError;
    use backlot_templates::TemplateError;

    use super::EngineError;
    use crate::record::RecordError;

    fn told(error: &EngineError) -> (&'static str, String) {
        (error.code(), error.hint().map(|hint| hint.render("-p other ")).unwrap_or_default())
    }

    #[test]
    fn commands_can_be_copied() {
        let error = EngineError::NoPytest { python: "/a b/.venv/bin/python".into() };
        let way_out = "'/a b/.venv/bin/python' -m pip install pytest pytest-cov";
        assert_eq!(told(&error), ("no-pytest", way_out.into()));
        // That of all programs is nobody's to fill.
        let error = EngineError::NoPytest { python: "/usr/bin/python3".into() };
        assert!(!told(&error).1.contains("/usr/bin"));
        let source = RecordError::Newer { path: PathBuf::new(), version: 9 };
        let error = EngineError::Record { environment: "testing".into(), source };
        assert_eq!(error.code(), "state-damaged");
        let error = EngineError::NotUp { environment: "scenario_it".into(), exists: true };
        let hint = "its server is gone; bring it up anew, or remove it: backlot -p other scenario down it";
        assert_eq!(told(&error), ("not-up", hint.into()));
    }

    #[test]
    fn a_full_disk_is_one_whoever_notices_it() {
        let io = || io::Error::from(io::ErrorKind::StorageFull);
        let full = || StorageError::full(PathBuf::new(), None);
        for error in [
            EngineError::Template(TemplateError::Storage(full())),
            EngineError::Io { what: "write", path: PathBuf::new(), source: io() },
            EngineError::Control(io()),
        ] {
            let (code, hint) = told(&error);
            assert!(code == "disk-full" && hint.starts_with("free some space"), "{error}");
        }
    }
}
