//! What every engine can do with an environment that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use backlot_process::Program;
use backlot_supervisor::{Answer, News, Request, ServiceReport};
use backlot_view::View;

use crate::attend::Attendance;
use crate::error::EngineError;
use crate::event::Report;
use crate::janitor::Watcher;
use crate::live::LiveDatabase;
use crate::one_off::OneOff;
use crate::printed::{Lines, LogWish};
use crate::record::EngineKind;
use crate::site::Site;
use crate::summary::Summary;
use crate::up::Started;

/// What runs environments; all that can be asked of one which is there.
pub trait Engine: Debug {
    /// Which one it is.
    fn kind(&self) -> EngineKind;

    /// The same engine, for which what it ends may take no longer than `grace`, whatever the files say.
    fn within(&self, grace: Duration) -> Box<dyn Engine>;

    /// How the services of the environment at `site` do, its database among them.
    fn services(&self, site: &Site) -> Result<Vec<ServiceReport>, EngineError>;

    /// The services of the environment at `site` that an `up` ends when its files have them no more. Compose leaves alone
    /// what its profiles leave out.
    fn ended_when_unknown(&self, site: &Site) -> Result<Vec<String>, EngineError>;

    /// Does what is asked of a running environment; `news` hears what happens meanwhile.
    ///
    /// # Errors
    /// As [`Engine::ask`], but [`EngineError::Interrupted`] when the caller asks to stop.
    fn answer(
        &self,
        site: &Site,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, EngineError>;

    /// Asks for something of a running environment, which goes on running should the caller ask to stop meanwhile.
    ///
    /// # Errors
    /// [`EngineError::NoServices`] when it does not run, [`EngineError::StoppedWaiting`] when the caller asks to stop, else
    /// why it cannot be done.
    fn ask(
        &self,
        site: &Site,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, EngineError> {
        self.answer(site, request, interrupted, news).map_err(|error| match error {
            EngineError::Interrupted => EngineError::StoppedWaiting,
            error => error,
        })
    }

    /// The database of the environment at `site`.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when it does not run.
    fn database(&self, site: &Site) -> Result<LiveDatabase, EngineError>;

    /// The steps that [`Engine::down`] would carry out now, in words.
    fn plan_down(&self, site: &Site, volumes: bool) -> Result<Vec<String>, EngineError>;

    /// Takes the environment at `site` down. Returns the steps that were carried out, in words; none when there was nothing.
    fn down(&self, site: &Site, volumes: bool, report: Report<'_>) -> Result<Vec<String>, EngineError>;

    /// Stops all that runs of the environment at `site`, and keeps what it has. Returns whether anything ran.
    fn stop(&self, site: &Site, report: Report<'_>) -> Result<bool, EngineError>;

    /// Takes the database of the environment at `site` back to what it was when it had been filled.
    ///
    /// # Errors
    /// When there is nothing to go back to.
    fn reset(&self, site: &Site, report: Report<'_>) -> Result<(), EngineError>;

    /// Keeps the database of the environment at `site` under a name, as it is now.
    ///
    /// # Errors
    /// When there is one of that name, or it cannot be copied.
    fn save(
        &self,
        site: &Site,
        name: &str,
        interrupted: &AtomicBool,
        report: Report<'_>,
    ) -> Result<(), EngineError>;

    /// The volumes that go with the environment when it is told so, as people know them.
    fn volumes(&self, site: &Site) -> Result<Vec<String>, EngineError>;

    /// What the services of the environment at `site` print.
    ///
    /// # Errors
    /// [`EngineError::NotUp`] when nothing of it is there.
    fn lines(&self, site: &Site, wish: LogWish) -> Result<Box<dyn Lines>, EngineError>;

    /// The services that have printed something, as far as that is known without asking for it.
    fn services_with_logs(&self, site: &Site) -> Option<BTreeSet<String>>;

    /// Looks on at what an `up` has started, from `since` on. `watcher` is what [`crate::Deployment::watch`] gave before it.
    fn attend(
        &self,
        site: &Site,
        started: &Started,
        since: SystemTime,
        watcher: Option<Watcher>,
    ) -> Result<Box<dyn Attendance>, EngineError>;

    /// How a command is run beside a service.
    ///
    /// # Errors
    /// When the service does not run.
    fn exec(
        &self,
        site: &Site,
        beside: &Beside,
        caller: &BTreeMap<String, String>,
    ) -> Result<Exec, EngineError>;

    /// Whether a service runs in a container, where a command beside it finds the programs of its image.
    fn is_contained(&self, site: &Site, service: &str) -> bool;

    /// The environment at `site` in a listing, as `name`.
    fn summary(&self, site: &Site, name: &str) -> Result<Summary, EngineError>;
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
        /// What the service sees, if that is not the machine as it is.
        view: Option<Arc<View>>,
    },
    /// By this program, which is told the command already: it can take our place.
    Elsewhere(Program),
    /// By this program, which is told all. What it asks of us while it runs we answer, so it is our child.
    Child(Program),
    /// By this program, in a container that ends with the command.
    Contained {
        /// The program, which is told all.
        client: Program,
        /// The container.
        container: OneOff,
    },
}

/// A command that is to run beside a service.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Beside {
    /// The service.
    pub service: String,
    /// The command.
    pub command: Vec<OsString>,
    /// The directory to work in, in place of the service's own.
    pub directory: Option<PathBuf>,
    /// Whether standard input and output are a terminal.
    pub terminal: bool,
    /// What is run in the place of the service's own entrypoint, with the command as its arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Variables that it has besides, or in the place of its service's.
    pub variables: BTreeMap<String, String>,
    /// Whether its service's image is built anew.
    pub build: bool,
    /// Whether services are ended that the files do not have.
    pub orphans: bool,
    /// Whether nothing is installed for it.
    pub no_install: bool,
    /// Whether it has the environment's variables, too, with the database's address among them, where its service has no such.
    pub environment: bool,
}
