//! An environment's place on disk.
//!
//! ```text
//! <environment>/
//!   busy.lock            held by the command that changes the environment
//!   containers.json      who has made containers for it, until none is left
//!   removed/             `live` while it is removed
//!   live/                all that `down` removes
//!     owner.lock         held by the server for as long as any process of it lives
//!     supervisor.lock    held by the supervisor; each has a file of its own
//!     guard.lock         held by its guard until all that it has left is ended
//!     logs/              what the services print
//!     record.json        what runs, how to reach it
//!     data/              a throw-away cluster
//!     <service>.log
//!   volumes/<volume>/        its own volumes; see `volume`
//! <environment>+<service>/   the same for each further Postgres server, whose volumes are the environment's
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_plan::{Storage, Volume};
use backlot_project::Project;
use backlot_snapshots::Store;
use serde::de::DeserializeOwned;

use crate::checkout::Checkouts;
use crate::error::EngineError;
use crate::home::{Home, HomeError};
use crate::lock::{Lock, LockError};
use crate::record::{self, Noted, Record};
use crate::taken::Taken;

/// How long a command waits for another one that changes the same environment.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

/// The folders in a directory, by name; one that is not there has none.
pub(crate) fn folders_in(dir: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let failed = |source| EngineError::Io { what: "read", path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// The directory of a project: two checkouts of one repository have two, and one that was moved has the one that it had.
fn project_dir(home: &Home, project: &Project) -> PathBuf {
    Checkouts::of(home).project(project.name(), project.root())
}

/// The directory of one environment of one project.
#[derive(Debug, Clone)]
pub struct Site {
    home: Home,
    dir: PathBuf,
    name: String,
    /// The project's directory and the name that it gives, where that is known.
    checkout: Option<(PathBuf, String)>,
}

impl Site {
    /// The place of the environment `name` of `project`. Nothing is made yet.
    pub fn new(home: &Home, project: &Project, name: &str) -> Self {
        let checkout = Some((project.root().to_owned(), project.directory_name()));
        Self { checkout, ..Self::at(home, &project_dir(home, project).join(name)) }
    }

    /// The place that is the directory `dir`.
    pub fn at(home: &Home, dir: &Path) -> Self {
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { home: home.clone(), dir: dir.to_owned(), name, checkout: None }
    }

    /// All places of `project` at which something is, be it only what a killed command has left, by name.
    pub fn all(home: &Home, project: &Project) -> Result<Vec<Self>, EngineError> {
        Self::all_in(home, &project_dir(home, project))
    }

    /// Those of the same project, as far as they can be read; this one is among them, if it is there.
    pub fn beside(&self) -> Vec<Self> {
        let project = self.dir.parent().unwrap_or(&self.dir);
        Self::all_in(&self.home, project).unwrap_or_default()
    }

    fn all_in(home: &Home, dir: &Path) -> Result<Vec<Self>, EngineError> {
        Ok(folders_in(dir)?.iter().map(|dir| Self::at(home, dir)).collect())
    }

    /// The home that it is in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The environment's name on disk.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands between the names of an environment and of a further database of it.
    const PART: char = '+';

    /// The place of a further database of this environment, by its service.
    #[must_use]
    pub fn part(&self, service: &str) -> Self {
        let name = format!("{}{}{service}", self.name, Self::PART);
        let dir = self.dir.with_file_name(&name);
        Self { home: self.home.clone(), dir, name, checkout: self.checkout.clone() }
    }

    /// The places of further databases at which something is, by service.
    pub fn parts(&self) -> Vec<Self> {
        let mut sites = self.beside();
        sites.retain(|site| site.name != self.name && site.environment() == self.name);
        sites
    }

    /// The service of a further database that this is the place of, if it is that.
    pub fn service(&self) -> Option<&str> {
        self.name.split_once(Self::PART).map(|(_, service)| service)
    }

    /// The name on disk of the environment that it belongs to.
    pub fn environment(&self) -> &str {
        self.name.split_once(Self::PART).map_or(&self.name, |(environment, _)| environment)
    }

    /// The directory of the environment that it belongs to.
    pub fn environment_dir(&self) -> PathBuf {
        self.dir.with_file_name(self.environment())
    }

    /// The project's name and the hash of the checkout, as its directory says.
    pub fn project_and_hash(&self) -> Option<(String, String)> {
        let project = self.dir.parent()?.file_name()?.to_string_lossy().into_owned();
        project.rsplit_once('-').map(|(name, hash)| (name.to_owned(), hash.to_owned()))
    }

    /// By what the environment is known among those of its checkout.
    pub fn key(&self) -> String {
        let project = self.project_and_hash().map(|(name, _)| name).unwrap_or_default();
        format!("{project}/{}", self.environment())
    }

    /// The environment's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `down` removes.
    pub fn live(&self) -> PathBuf {
        self.dir.join("live")
    }

    /// Where what is live goes while it is removed.
    pub(crate) fn doomed(&self) -> PathBuf {
        self.dir.join("removed")
    }

    /// Whether there is anything for `down` to remove; what a removal that was cut short has left counts.
    pub fn has_files(&self) -> bool {
        let all = [self.live(), self.doomed(), self.sockets(), self.control_dir(), self.containers_path()];
        all.iter().any(|path| path.exists())
    }

    /// Where what was live is kept until what takes its place is whole.
    pub fn before(&self) -> PathBuf {
        self.dir().join("before")
    }

    /// Whether a killed command has left something here under another name than its own: what is to go, a copy that is not
    /// whole, sockets, or a directory with nothing in it.
    pub fn has_leftovers(&self) -> bool {
        let is_without = |paths: &[PathBuf]| !paths.iter().any(|path| path.exists());
        self.doomed().exists()
            || self.before().exists()
            || !self.partial_copies().is_empty()
            || is_without(&[self.live()])
                && ([self.sockets(), self.control_dir()].iter().any(|path| path.exists())
                    || self.service().is_some()
                    || is_without(&[self.volumes()]))
    }

    /// Copies of clusters in volumes that were begun and never completed.
    pub(crate) fn partial_copies(&self) -> Vec<PathBuf> {
        if self.service().is_some() {
            return Vec::new();
        }
        let entries =
            |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_partial = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"data.partial-"))
        };
        entries(self.volumes()).flat_map(entries).filter(is_partial).collect()
    }

    /// The lock that the running server holds.
    pub fn owner_lock(&self) -> PathBuf {
        self.live().join("owner.lock")
    }

    /// The lock that the running supervisor holds.
    pub fn supervisor_lock(&self) -> PathBuf {
        self.live().join("supervisor.lock")
    }

    /// The lock that a supervisor's guard holds until it has ended all that a killed supervisor has left.
    pub fn guard_lock(&self) -> PathBuf {
        self.live().join("guard.lock")
    }

    /// Whether a supervisor runs the environment's services.
    pub fn is_supervised(&self) -> Result<bool, EngineError> {
        Ok(Lock::is_held(&self.supervisor_lock())?)
    }

    /// The private directory of the supervisor's control socket.
    pub fn control_dir(&self) -> PathBuf {
        let mut name = self.sockets().into_os_string();
        name.push(".s");
        name.into()
    }

    /// The supervisor's control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.control_dir().join("control")
    }

    /// Where the logs of services are.
    pub fn logs(&self) -> PathBuf {
        self.live().join("logs")
    }

    /// The record's file.
    pub fn record_path(&self) -> PathBuf {
        self.live().join("record.json")
    }

    /// The log of a service.
    pub fn log(&self, service: &str) -> PathBuf {
        self.live().join(format!("{service}.log"))
    }

    /// The directory of the server's Unix socket.
    pub fn sockets(&self) -> PathBuf {
        self.home.sockets(&self.dir)
    }

    /// The data directory of a cluster that is stored as `storage` says.
    pub fn data(&self, storage: &Storage) -> PathBuf {
        match storage {
            Storage::Throwaway => self.live().join("data"),
            Storage::Durable { volume, below } => {
                let whole = self.content(volume);
                if below.as_os_str().is_empty() {
                    return whole;
                }
                // Earlier versions had a volume's cluster here wherever the volume was mounted, and wrote nothing down.
                let is_old = || {
                    let record = self.volume_record(volume).ok().flatten();
                    !record.is_some_and(|record| record.clusters.contains_key(Path::new("")))
                };
                let is_folder = matches!(volume, Volume::Folder(_));
                if !is_folder && whole.join("PG_VERSION").exists() && is_old() {
                    whole
                } else {
                    whole.join(below)
                }
            }
        }
    }

    /// What a volume holds, as a service sees it.
    pub fn content(&self, volume: &Volume) -> PathBuf {
        match volume {
            Volume::Own(_) | Volume::Shared(_) => self.keeper(volume).join("data"),
            Volume::Folder(folder) => folder.clone(),
        }
    }

    /// The directory in which it is kept what is known of a volume.
    pub fn keeper(&self, volume: &Volume) -> PathBuf {
        match volume {
            Volume::Own(name) => self.volumes().join(name),
            Volume::Shared(name) => self.home.volumes().join(name),
            Volume::Folder(folder) => self.home.folder(folder),
        }
    }

    /// Where the volumes are.
    pub fn volumes(&self) -> PathBuf {
        self.environment_dir().join("volumes")
    }

    /// The snapshots of the project that it belongs to.
    pub fn snapshots(&self) -> Store {
        let project = self.dir.parent().and_then(Path::file_name).unwrap_or_default();
        Store::at(self.home.snapshots().join(project), self.home.owner().clone())
    }

    /// The record, if there is one.
    pub fn record(&self) -> Result<Option<Record>, EngineError> {
        Record::read(&self.record_path())
            .map_err(|source| EngineError::Record { environment: self.name.clone(), source })
    }

    /// Where it is kept who has made containers for the environment. It stays until none is left.
    pub(crate) fn containers_path(&self) -> PathBuf {
        self.dir.join("containers.json")
    }

    /// Who has made containers for the environment, if anybody has.
    pub fn containers<T: DeserializeOwned>(&self) -> Result<Option<T>, EngineError> {
        let noted: Option<Noted<T>> = record::read(&self.containers_path())
            .map_err(|source| EngineError::Record { environment: self.name.clone(), source })?;
        Ok(noted.map(|noted| noted.client))
    }

    /// That the environment does not run.
    pub fn not_up(&self) -> EngineError {
        EngineError::NotUp { environment: self.name.clone(), exists: self.live().exists() }
    }

    /// Whether a server of this environment runs.
    pub fn is_running(&self) -> Result<bool, EngineError> {
        Ok(Lock::is_held(&self.owner_lock())?)
    }

    /// Whether a command is changing this environment right now.
    pub fn is_busy(&self) -> Result<bool, EngineError> {
        Ok(Lock::is_held(&self.busy_lock())?)
    }

    pub(crate) fn busy_lock(&self) -> PathBuf {
        self.dir.join("busy.lock")
    }

    /// Takes the environment for a command that changes it; makes its directory.
    pub fn take(&self) -> Result<Taken, EngineError> {
        self.take_within(BUSY_LIMIT)
    }

    /// The same, but waits no longer than `limit` for another command.
    pub fn take_within(&self, limit: Duration) -> Result<Taken, EngineError> {
        let start = Instant::now();
        loop {
            // The last holder may remove the whole directory, and the project's, between any two of our steps.
            let vanished =
                |source: &io::Error| source.kind() == io::ErrorKind::NotFound && start.elapsed() < BUSY_LIMIT;
            match self.home.make(&self.dir) {
                Err(HomeError::Unusable { source, .. }) if vanished(&source) => continue,
                made => made?,
            }
            match Lock::acquire(&self.busy_lock(), limit) {
                Ok(lock) => {
                    let taken = Taken { site: self.clone(), _lock: lock };
                    // From before there is anything by which it is to be found again.
                    if let Some((root, called)) = self.checkout.as_ref().filter(|(root, _)| root.is_dir()) {
                        Checkouts::of(&self.home).note(root, called)?;
                    }
                    return Ok(taken);
                }
                Err(LockError::Io { source, .. }) if vanished(&source) => {}
                Err(LockError::Held { holder, waited, .. }) => {
                    return Err(EngineError::Busy { environment: self.name.clone(), holder, waited });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
