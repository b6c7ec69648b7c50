//! Why a stack cannot run natively.

use std::path::PathBuf;
use std::sync::Arc;

use backlot_dependencies::DependencyError;
use backlot_facts::NoService;
use backlot_facts::storage::StorageError;
use backlot_hint::{Explain, Hint, quoted};
use backlot_nginx::{ConfigError, LocateError};
use backlot_process::Flaw;
use backlot_project::Location;
use backlot_state::EngineError;

/// The code of a Dockerfile that is not there, or cannot be read.
const NO_DOCKERFILE: &str = "no-dockerfile";
/// The code of a file of the project's that is no program for any machine.
const NOT_EXECUTABLE: &str = "not-executable";
/// The codes of what is so on all engines.
pub const OF_ALL_ENGINES: [&str; 2] = [NO_DOCKERFILE, NOT_EXECUTABLE];

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
    /// Keys without which something else would be done than the files say.
    #[error("{}", lines.join("\n       "))]
    NotHonoured {
        /// Each with what is made of it, its place and a way out.
        lines: Vec<String>,
    },
    /// Something else than a program or container is the service.
    #[error(
        "service {service} is what the provider {provider} runs for Compose, which is not known natively"
    )]
    Provided {
        /// The service.
        service: String,
        /// The provider.
        provider: String,
        /// Where it is defined.
        at: Location,
    },
    /// A service's command is only options.
    #[error("service {service} is the program of its image{}, of which its command says only the options ({option} …): that is not known natively", image.as_deref().map(|image| format!(" {image}")).unwrap_or_default())]
    Options {
        /// The service.
        service: String,
        /// The first option.
        option: String,
        /// Its image.
        image: Option<String>,
        /// Where it is defined.
        at: Location,
    },
    /// The program of a service is not there.
    #[error("service {service} runs {program}{}, which is {}", image.as_deref().map(|image| format!(" of its image {image}")).unwrap_or_default(), if program.contains('/') { "not there" } else { "not on PATH" })]
    NoProgram {
        /// The service.
        service: String,
        /// The program.
        program: String,
        /// The image that it is in, where nothing of the project is.
        image: Option<String>,
        /// How it can be had.
        ways: Box<Ways>,
        /// Where it is defined.
        at: Location,
    },
    /// What a service's Dockerfile installs cannot be had.
    #[error("service {service} cannot have the packages that it needs")]
    Packages {
        /// The service.
        service: String,
        /// Why.
        source: Arc<DependencyError>,
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
    /// What a service's files say is only so in a world of its own.
    #[error("service {service} needs a world of its own, which this machine does not give it: {} ({at})", what.join("; "))]
    Beyond {
        /// The service.
        service: String,
        /// What of it.
        what: Vec<String>,
        /// Where it is defined.
        at: Location,
    },
    /// A service that cannot run once beside what runs of it.
    #[error("service {service} does not run once more: {reason}")]
    NotOnce {
        /// The service.
        service: String,
        /// What is in the way.
        reason: &'static str,
        /// The way out.
        way_out: &'static str,
    },
    /// A service that only its image knows cannot run, and is not left out.
    #[error("{obstacle}{}", by.as_deref().map(|by| format!(", and service {by} needs it")).unwrap_or_default())]
    OnlyImage {
        /// Why it cannot run as a program.
        obstacle: Box<StackError>,
        /// Who needs it, if nobody has asked for it.
        by: Option<String>,
        /// Why it cannot run as a container.
        why: Option<String>,
    },
    /// No port is free.
    #[error("no port is free for service {service}")]
    NoPort {
        /// The service.
        service: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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

/// How a program can be had that is not there.
#[derive(Debug, Default)]
pub struct Ways {
    /// Whether what its service's Dockerfile installs is not there.
    pub installable: bool,
    /// What of that is not run, in words: it may be what would make it.
    pub undone: Vec<String>,
    /// A requirements file, when the project has one and no virtual environment.
    pub requirements: Option<PathBuf>,
}

impl Ways {
    fn said(&self, service: &str, program: &str, at: &Location) -> String {
        if self.installable {
            return format!("`backlot install {service}` installs what its Dockerfile does");
        }
        let way = match &self.requirements {
            Some(file) => format!(
                "install what the project needs: python3 -m venv .venv && .venv/bin/pip install -r {}",
                quoted(file)
            ),
            None => format!(
                "{} {program}, or say what runs the service outside of Docker: `x-backlot: {{command: …}}` ({at})",
                if program.contains('/') { "build or install" } else { "install" }
            ),
        };
        let undone = self.undone.iter().map(String::as_str);
        undone.chain([way.as_str()]).collect::<Vec<_>>().join("\n")
    }
}

impl StackError {
    /// Whether the rest may well run without the service, if nobody has asked for it by its name.
    pub(crate) fn may_be_left_out(&self) -> bool {
        matches!(
            self,
            Self::NoCommand { image: Some(_), .. }
                | Self::NoProgram { image: Some(_), .. }
                | Self::NoNginx { .. }
                | Self::Options { .. }
                | Self::Provided { .. }
        )
    }

    /// The same of a service that is more than its image.
    pub(crate) fn of_the_project(mut self) -> Self {
        if let Self::NoProgram { image, .. } = &mut self {
            *image = None;
        }
        self
    }

    /// Whether it is that only an image knows, or has, what a service runs.
    pub(crate) fn is_of_an_image(&self) -> bool {
        matches!(
            self,
            Self::NoCommand { .. }
                | Self::NoNginx { .. }
                | Self::Options { .. }
                | Self::NoProgram { .. }
                | Self::Packages { .. }
        )
    }

    /// The service that it is about, where that is one that only its image knows.
    fn service(&self) -> Option<&str> {
        if let Self::NoCommand { service, .. }
        | Self::NoProgram { service, .. }
        | Self::Options { service, .. }
        | Self::Provided { service, .. }
        | Self::NoNginx { service, .. } = self
        {
            return Some(service);
        }
        None
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCommand { .. } | Self::Options { .. } | Self::Provided { .. } => "no-command",
            Self::Dockerfile { .. } => NO_DOCKERFILE,
            Self::NotHonoured { .. } => "not-honoured",
            Self::NoProgram { .. } | Self::Unrunnable { flaw: Flaw::NoInterpreter(_), .. } => "no-program",
            Self::Packages { source, .. } => source.code(),
            Self::Unrunnable { .. } => NOT_EXECUTABLE,
            Self::NoService(_) => "no-service",
            Self::LeadsElsewhere { .. } => "leads-elsewhere",
            Self::Beyond { .. } => "no-view",
            Self::Scaled { .. } | Self::NotOnce { .. } => "impossible",
            Self::NoNginx { .. } => "no-nginx",
            Self::Nginx(_) => "nginx-config",
            Self::Storage(_) => "storage",
            Self::SamePort { .. } => "same-port",
            Self::OnlyImage { obstacle, .. } => obstacle.code(),
            Self::NoPort { .. } => "no-port",
            Self::Read { .. } | Self::Write { .. } => "io",
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            // What an image has may as well be a word for its own program.
            Self::NoCommand { at, .. } | Self::NoProgram { image: Some(_), at, .. } => Some(format!(
                "say what runs it outside of Docker: `x-backlot: {{command: …}}` under the service ({at})"
            )),
            Self::Provided { at, .. } => Some(format!(
                "say what runs it natively: `x-backlot: {{command: …}}` under the service ({at}); or name the services that are to run without it"
            )),
            Self::Options { at, .. } => Some(format!(
                "say which program takes the options: `x-backlot: {{command: …}}` or `entrypoint` under the service ({at}); or name \
                 the services that are to run without it"
            )),
            Self::Dockerfile { at, .. } => Some(format!("name it under `build`: `dockerfile: …` ({at})")),
            Self::NoProgram { service, program, ways, at, .. } => Some(ways.said(service, program, at)),
            Self::Unrunnable { program, flaw, .. } => flaw.hint(program),
            Self::NoNginx { source, .. } => Some(source.hint()),
            Self::Nginx(error) => error.hint(),
            Self::Storage(error) => Some(error.hint()),
            Self::SamePort { second, at, .. } => Some(format!("publish another port for {second} ({at})")),
            Self::LeadsElsewhere { at, .. } => Some(format!(
                "name the database's service as the host: a variable such as PGHOST that says it is given the address ({at})"
            )),
            Self::Beyond { .. } => Some(
                "`backlot doctor` tells what gives it one; else say what is to run on this machine as it is, `x-backlot: {command: …}` \
                 under the service, or take --engine docker".to_owned(),
            ),
            Self::OnlyImage { obstacle, by, why } => {
                let service = obstacle.service().unwrap_or_default();
                let why = why.as_ref().map(|why| format!("as a container it does not run either: {why}"));
                let without = by.as_ref().map(|_| {
                    format!(
                        "or have the others run without it: `--without {service}`, or `x-backlot: {{optional: true}}` under it"
                    )
                });
                Some([obstacle.hint(), why, without].into_iter().flatten().collect::<Vec<_>>().join("\n"))
            }
            Self::NotOnce { way_out, .. } => Some((*way_out).to_owned()),
            Self::Packages { source, at, .. } => {
                source.hint().map(|hint| format!("{} ({at})", hint.render("")))
            }
            Self::NotHonoured { .. }
            | Self::NoService(_)
            | Self::Scaled { .. }
            | Self::NoPort { .. }
            | Self::Read { .. }
            | Self::Write { .. } => None,
        }
    }
}

impl Explain for StackError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn hint(&self) -> Option<Hint> {
        if let Self::NoProgram { service, ways, .. } = self
            && ways.installable
        {
            return Some(Hint::command(&["install", service]).then(" installs what its Dockerfile does"));
        }
        Self::hint(self).map(Hint::from)
    }
}

impl From<StackError> for EngineError {
    fn from(error: StackError) -> Self {
        Self::of(error)
    }
}
