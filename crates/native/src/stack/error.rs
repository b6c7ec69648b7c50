//! Why a stack cannot run natively.

use std::path::PathBuf;

use backlot_facts::NoService;
use backlot_facts::storage::StorageError;
use backlot_hint::{Explain, Hint, quoted};
use backlot_nginx::{ConfigError, LocateError};
use backlot_project::Location;
use backlot_state::EngineError;

/// Why a stack cannot run natively.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Nothing tells what a service would run.
    #[error("service {service} has no command that can run natively{}", image.as_deref().map(|image| format!(" (its image is {}{image})", if *.is_built { "built from " } else { "" })).unwrap_or_default())]
    NoCommand {
        /// The service.
        service: String,
        /// Its image, or the one that it is built from.
        image: Option<String>,
        /// Whether it is built.
        is_built: bool,
        /// Where it is defined.
        at: Location,
    },
    /// What a service would run is in a Dockerfile that cannot be read.
    #[error("service {service} is built by {}, which cannot be read: {reason}", path.display())]
    Dockerfile {
        /// The service.
        service: String,
        /// The Dockerfile.
        path: PathBuf,
        /// Why.
        reason: String,
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
    #[error(transparent)]
    NoService(#[from] NoService),
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
    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCommand { .. } | Self::Dockerfile { .. } => "no-command",
            Self::NoProgram { .. } => "no-program",
            Self::SecondDatabase { .. } => "second-database",
            Self::NoService(_) => "no-service",
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
            Self::Dockerfile { at, .. } => Some(format!("name it under `build`: `dockerfile: …` ({at})")),
            Self::NoProgram { requirements: Some(file), .. } => Some(format!(
                "install what the project needs: python3 -m venv .venv && .venv/bin/pip install -r {}",
                quoted(file)
            )),
            Self::NoProgram { program, at, .. } => Some(format!(
                "install {program}, or say what runs the service outside of Docker: `x-backlot: {{command: …}}` ({at})"
            )),
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
            Self::NoService(_) | Self::Scaled { .. } | Self::NoPort { .. } | Self::Write { .. } => None,
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
