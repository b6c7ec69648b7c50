//! Why a stack cannot run natively.

use std::io;
use std::path::PathBuf;

use backlot_nginx::{ConfigError, LocateError};
use backlot_process::Flaw;
use backlot_project::{Location, Stack};

use crate::error::{EngineError, Explain};
use crate::facts::storage::StorageError;
use crate::hint::{Hint, quoted};

/// Why a stack cannot run natively.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Nothing tells what a service would run.
    #[error("service {service} has no command that can run natively{}", image.as_deref().map(|image| format!(" (its image is {image})")).unwrap_or_default())]
    NoCommand {
        /// The service.
        service: String,
        /// Its image.
        image: Option<String>,
        /// Where it is defined.
        at: Location,
    },
    /// The program of a service is not there.
    #[error("service {service} runs {program}, which is {}", if program.contains('/') { "not there" } else { "not on PATH" })]
    NoProgram {
        /// The service.
        service: String,
        /// The program.
        program: String,
        /// A requirements file, when the project has one and no virtual environment.
        requirements: Option<PathBuf>,
        /// Where it is defined.
        at: Location,
    },
    /// The program of a service is there, but cannot be run.
    #[error("service {service} runs {}, which {flaw}", program.display())]
    Unrunnable {
        /// The service.
        service: String,
        /// The program's file.
        program: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The Dockerfile of a service cannot be read.
    #[error("cannot read {}, of which service {service} is built", path.display())]
    Dockerfile {
        /// The service.
        service: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A stack has two Postgres services.
    #[error("services {first} and {second} are both Postgres servers; natively, a stack has one")]
    SecondDatabase {
        /// The one that is the environment's.
        first: String,
        /// The other.
        second: String,
        /// Where the other is defined.
        at: Location,
    },
    /// Somebody asked for a service that is not in the stack.
    #[error("there is no service {service} (there are {})", known.join(", "))]
    NoService {
        /// What was asked for.
        service: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A service that can run once only is to run more often.
    #[error("service {service} cannot run {replicas} times natively: it has its ports for itself")]
    Scaled {
        /// The service.
        service: String,
        /// How often it is to run.
        replicas: u32,
    },
    /// A service has no file for nginx.
    #[error("no nginx is installed, which service {service} needs")]
    NoNginx {
        /// The service.
        service: String,
        /// How to get it.
        source: LocateError,
    },
    /// The configuration of nginx cannot be used.
    #[error(transparent)]
    Nginx(#[from] ConfigError),
    /// Two services publish the same port.
    #[error("services {first} and {second} both publish port {port}")]
    SamePort {
        /// The port.
        port: u16,
        /// One.
        first: String,
        /// The other.
        second: String,
        /// Where the other is defined.
        at: Location,
    },
    /// A service's data cannot be where its file has it.
    #[error(transparent)]
    Storage(StorageError),
    /// In an environment that is thrown away, something leads to what may be another one's database.
    #[error(
        "service {service}: {what} leads to port 5432 of this machine, where another environment's database may be"
    )]
    LeadsElsewhere {
        /// The service.
        service: String,
        /// What of it.
        what: String,
        /// Where it is defined.
        at: Location,
    },
    /// No port is free.
    #[error("no port is free for service {service}")]
    NoPort {
        /// The service.
        service: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl StackError {
    /// An error if one of `names` is not a service of the stack.
    pub(crate) fn check_known<'a>(
        stack: &Stack,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Self> {
        match names.into_iter().find(|name| !stack.services.contains_key(*name)) {
            None => Ok(()),
            Some(service) => Err(Self::NoService {
                service: service.clone(),
                known: stack.services.keys().cloned().collect(),
            }),
        }
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCommand { .. } => "no-command",
            Self::NoProgram { .. } => "no-program",
            Self::Unrunnable { .. } => "not-executable",
            Self::Dockerfile { .. } => "io",
            Self::SecondDatabase { .. } => "second-database",
            Self::NoService { .. } => "no-service",
            Self::LeadsElsewhere { .. } => "leads-elsewhere",
            Self::Scaled { .. } => "impossible",
            Self::NoNginx { .. } => "no-nginx",
            Self::Nginx(_) => "nginx-config",
            Self::Storage(_) => "storage",
            Self::SamePort { .. } => "same-port",
            Self::NoPort { .. } => "no-port",
            Self::Write { .. } => "io",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCommand { at, .. } => Some(format!(
                "say what runs it outside of Docker: `x-backlot: {{command: …}}` under the service ({at})"
            )),
            Self::NoProgram { requirements: Some(file), .. } => Some(format!(
                "install what the project needs: python3 -m venv .venv && .venv/bin/pip install -r {}",
                quoted(file)
            )),
            Self::NoProgram { program, at, .. } => Some(format!(
                "install {program}, or say what runs the service outside of Docker: `x-backlot: {{command: …}}` ({at})"
            )),
            Self::Unrunnable { program, flaw, .. } => flaw.hint(program),
            Self::SecondDatabase { second, at, .. } => {
                Some(format!("keep {second} out with a profile that is not switched on ({at})"))
            }
            Self::NoNginx { source, .. } => Some(source.hint()),
            Self::Nginx(error) => error.hint(),
            Self::Storage(error) => Some(error.hint()),
            Self::SamePort { second, at, .. } => Some(format!("publish another port for {second} ({at})")),
            Self::LeadsElsewhere { at, .. } => Some(format!(
                "name the database's service as the host, or take the address from PGHOST and PGPORT, which are set ({at})"
            )),
            Self::Dockerfile { .. }
            | Self::NoService { .. }
            | Self::Scaled { .. }
            | Self::NoPort { .. }
            | Self::Write { .. } => None,
        }
    }
}

impl Explain for StackError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        Self::hint(self).map(Hint::from)
    }
}

impl From<StackError> for EngineError {
    fn from(error: StackError) -> Self {
        Self::of(error)
    }
}
