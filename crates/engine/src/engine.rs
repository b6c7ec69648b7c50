//! The engine that runs an environment, for all that can be asked of one whatever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use backlot_process::Program;
use backlot_supervisor::{Answer, News, Request, ServiceReport};

use crate::attend::{Attendance, Host};
use crate::docker::{self, Client, DockerError};
use crate::error::EngineError;
use crate::event::Report;
use crate::janitor::Watcher;
use crate::live::LiveDatabase;
use crate::native;
use crate::printed::{Lines, LogWish, OfProcesses};
use crate::record::EngineKind;
use crate::site::Site;
use crate::up::Started;

/// What runs an environment. An enum until a third engine shows what they have in common.
#[derive(Debug, Clone)]
pub enum Engine {
    /// Processes of this machine.
    Native,
    /// Docker Compose.
    Docker(Client),
}

impl Engine {
    /// The engine that runs the environment at `site`; `wanted` where nothing of it is there, else native.
    ///
    /// # Errors
    /// When it runs on another engine than the wanted one, or there is no `docker`.
    pub fn of(
        site: &Site,
        wanted: Option<EngineKind>,
        caller: &BTreeMap<String, String>,
    ) -> Result<Self, EngineError> {
        let kind = match (kind_at(site), wanted) {
            (Some(there), Some(wanted)) if there != wanted => {
                return Err(EngineError::OtherEngine { environment: site.name().to_owned(), engine: there });
            }
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => EngineKind::Native,
        };
        Ok(match kind {
            EngineKind::Native => Self::Native,
            EngineKind::Docker => Self::Docker(Client::locate(caller)?),
        })
    }

    /// Which one it is.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Native => EngineKind::Native,
            Self::Docker(_) => EngineKind::Docker,
        }
    }

    /// How the services of the environment at `site` do, its database among them.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn services(&self, site: &Site) -> Result<Vec<ServiceReport>, EngineError> {
        let status = match self {
            Self::Native => native::status(site),
            Self::Docker(client) => {
                let never = AtomicBool::new(false);
                docker::answer(client, site, &Request::Status, &never, &mut |_| {}).map(|answer| match answer
                {
                    Answer::Status(services) => services,
                    Answer::Nothing | Answer::Plan(_) | Answer::Described(_) | Answer::Exit { .. } => {
                        Vec::new()
                    }
                })
            }
        };
        match (self, status) {
            (Self::Native, Err(EngineError::NoServices { .. })) => {
                Ok(native::database_alone(site)?.into_iter().collect())
            }
            (Self::Docker(_), Err(EngineError::NoServices { .. })) => Ok(Vec::new()),
            (_, status) => status,
        }
    }

    /// The services of the environment at `site` that an `up` ends when its files have them no more. Compose leaves alone
    /// what its profiles leave out.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn ended_when_unknown(&self, site: &Site) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Native => Ok(self.services(site)?.into_iter().map(|service| service.name).collect()),
            Self::Docker(_) => Ok(Vec::new()),
        }
    }

    /// Asks for something of a running environment; `news` hears what happens meanwhile.
    ///
    /// # Errors
    /// [`EngineError::NoServices`] when it does not run, [`EngineError::StoppedWaiting`] when the caller asks to stop, else
    /// why it cannot be done.
    pub fn ask(
        &self,
        site: &Site,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, EngineError> {
        let answer = match self {
            Self::Native => native::ask(site, request, interrupted, news),
            Self::Docker(client) => docker::answer(client, site, request, interrupted, news),
        };
        answer.map_err(|error| match error {
            EngineError::Interrupted => EngineError::StoppedWaiting,
            error => error,
        })
    }

    /// The database of the environment at `site`.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    pub fn database(&self, site: &Site) -> Result<LiveDatabase, EngineError> {
        match self {
            Self::Native => native::running(site).map(|record| LiveDatabase::from(&record)),
            Self::Docker(client) => docker::running(client, site),
        }
    }

    /// The steps that [`Engine::down`] would carry out now, in words.
    ///
    /// # Errors
    /// When what is there cannot be looked at.
    pub fn plan_down(&self, site: &Site, volumes: bool) -> Result<Vec<String>, EngineError> {
        Ok(match self {
            Self::Native => in_words(&native::plan_down(site, volumes)?),
            Self::Docker(client) => in_words(&docker::plan_down(client, site, volumes)?),
        })
    }

    /// Takes the environment at `site` down. Returns the steps that were carried out, in words; none when there was nothing.
    ///
    /// # Errors
    /// When something does not stop or cannot be removed.
    pub fn down(&self, site: &Site, volumes: bool, report: Report<'_>) -> Result<Vec<String>, EngineError> {
        Ok(match self {
            Self::Native => in_words(&native::down(site, volumes, report)?),
            Self::Docker(client) => {
                in_words(&docker::down(client, site, volumes, &AtomicBool::new(false), report)?)
            }
        })
    }

    /// The volumes that go with the environment when it is told so, as people know them.
    ///
    /// # Errors
    /// When Docker cannot be asked.
    pub fn volumes(&self, site: &Site) -> Result<Vec<String>, EngineError> {
        match self {
            Self::Native => Ok(site.removable_volumes()?.iter().map(ToString::to_string).collect()),
            Self::Docker(client) => {
                let names = docker::volumes(client, site)?;
                Ok(names.iter().map(|name| format!("volume {name}")).collect())
            }
        }
    }
}

impl Engine {
    /// What the services of the environment at `site` print.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when nothing of it is there.
    pub fn lines(&self, site: &Site, wish: LogWish) -> Result<Box<dyn Lines>, EngineError> {
        Ok(match self {
            Self::Native => {
                let mut query = native::log_query(site, wish.services)?;
                (query.tail, query.since) = (wish.tail, wish.since);
                Box::new(OfProcesses::new(site, query, wish.follow))
            }
            Self::Docker(client) => Box::new(client.lines(site, wish)?),
        })
    }

    /// The services that have printed something, as far as that is known without asking for it.
    pub fn services_with_logs(&self, site: &Site) -> Option<BTreeSet<String>> {
        match self {
            Self::Native => Some(native::services_with_logs(site)),
            // The daemon tells, and refuses others.
            Self::Docker(_) => None,
        }
    }

    /// Looks on at what an `up` has started, from `since` on. `watcher` is what [`crate::Deployment::watch`] gave before it.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn attend(
        self,
        site: &Site,
        started: &Started,
        since: SystemTime,
        watcher: Option<Watcher>,
    ) -> Result<Attendance, EngineError> {
        let host = match (&self, watcher) {
            (Self::Docker(client), Some(watcher)) => {
                Host::Containers { client: Box::new(client.clone()), watcher }
            }
            _ if started.has_services => Host::attach(site)?,
            _ => Host::Server,
        };
        let wish = LogWish { since: Some(since), follow: true, ..LogWish::default() };
        let lines = self.lines(site, wish)?;
        Ok(Attendance { site: site.clone(), lines, host })
    }

    /// How a command is run beside a service.
    ///
    /// # Errors
    /// When the service does not run.
    pub fn exec(
        &self,
        site: &Site,
        beside: &Beside,
        caller: &BTreeMap<String, String>,
    ) -> Result<Exec, EngineError> {
        Ok(match self {
            Self::Native => {
                let described = native::describe(site, &beside.service, caller)?;
                let directory = beside.directory.clone().unwrap_or(described.directory);
                Exec::Here { variables: described.variables, directory }
            }
            Self::Docker(client) => Exec::Elsewhere(client.exec(site, beside)?),
        })
    }
}

/// How a command is run beside a service.
#[derive(Debug)]
pub enum Exec {
    /// By ourselves, with these variables in this directory.
    Here {
        /// The variables, all of them.
        variables: BTreeMap<String, String>,
        /// The directory.
        directory: PathBuf,
    },
    /// By this program, which is told the command already.
    Elsewhere(Program),
}

/// Steps as people are told of them.
pub(crate) fn in_words(steps: &[impl ToString]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}

impl Client {
    /// The same on Docker for a person who waits: once `hurry` is set, containers are killed.
    ///
    /// # Errors
    /// As [`Engine::down`].
    pub fn down(&self, site: &Site, hurry: &AtomicBool, report: Report<'_>) -> Result<(), EngineError> {
        docker::down(self, site, false, hurry, report).map(drop)
    }
}

/// A command that is to run beside a service.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The service.
    pub service: String,
    /// The command.
    pub command: Vec<OsString>,
    /// The directory to work in, in place of the service's own.
    pub directory: Option<PathBuf>,
    /// Whether standard input and output are a terminal.
    pub terminal: bool,
}

impl Client {
    /// The program that runs a command in a container of a service.
    ///
    /// # Errors
    /// When no container of it runs.
    fn exec(&self, site: &Site, beside: &Beside) -> Result<Program, EngineError> {
        let not_up = || EngineError::NoServices { environment: site.name().to_owned() };
        let docker = self.record_at(site)?.ok_or_else(not_up)?;
        let (container, known) = docker::first_running(self, &docker.project, &beside.service)?;
        let Some(container) = container else {
            let (environment, service) = (site.name().to_owned(), beside.service.clone());
            return Err(if known.is_empty() {
                not_up()
            } else {
                DockerError::NoService { environment, service, known }.into()
            });
        };
        let mut options: Vec<OsString> = vec!["exec".into(), "--interactive".into()];
        if beside.terminal {
            options.push("--tty".into());
        }
        if let Some(directory) = &beside.directory {
            options.extend(["--workdir".into(), directory.into()]);
        }
        options.push(container.into());
        options.extend(beside.command.iter().cloned());
        Ok(self.program(options))
    }
}

/// What the record at `site` says that runs it. One that cannot be read says nothing.
fn kind_at(site: &Site) -> Option<EngineKind> {
    site.record().ok().flatten().map(|record| record.engine)
}
