//! What is kept of each checkout that has had an environment: `HOME/checkouts/<hash>.json`.
//!
//! It says which folder of `HOME/projects` is the checkout's, by which identity it is found again elsewhere, and which ports
//! were moved out of the way of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Checkout, Identity, OnDocker};
use crate::error::EngineError;
use crate::home::{Home, short_hash};
use crate::lock::Lock;
use crate::record::{self, VERSION};

/// How long others may take that keep something of a checkout.
const LIMIT: Duration = Duration::from_secs(10);

/// What is kept of a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The format's version.
    pub version: u32,
    /// The project's directory, where it was last.
    pub root: PathBuf,
    /// The name that the directory gave the project at first: it stays.
    pub called: String,
    /// What the names of its folders end with.
    pub hash: String,
    /// By what it is found again.
    pub identity: Identity,
    /// The project's directory in the main checkout, for a linked worktree.
    pub main: Option<PathBuf>,
    /// The branch that it had last.
    pub branch: Option<String>,
    /// Where published ports are, by environment and by the port that the files say; of a checkout that is no linked worktree
    /// only those that were moved.
    #[serde(default)]
    pub ports: BTreeMap<String, BTreeMap<u16, Port>>,
    /// What it has on Docker, by environment.
    #[serde(default)]
    pub docker: BTreeMap<String, OnDocker>,
}

/// Where a published port is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The port in its place.
    pub port: u16,
    /// How many follow each other.
    pub count: u16,
    /// Why.
    pub why: Why,
}

/// Why a port was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The main checkout publishes it.
    Main,
    /// Another checkout has it, or somebody else.
    Taken,
    /// It was not: it is this worktree's own.
    Own,
}

impl Port {
    /// All of them.
    pub fn all(&self) -> std::ops::Range<u16> {
        self.port..self.port.saturating_add(self.count)
    }
}

/// All that is kept of checkouts.
#[derive(Debug, Clone)]
pub struct Checkouts {
    home: Home,
}

/// A checkout's place, known or not.
pub(crate) struct Place {
    pub(crate) hash: String,
    pub(crate) known: Option<Known>,
}

impl Checkouts {
    /// Those of a home.
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    fn dir(&self) -> PathBuf {
        self.home.root().join("checkouts")
    }

    pub(super) fn path(&self, hash: &str) -> PathBuf {
        self.dir().join(format!("{hash}.json"))
    }

    pub(super) fn read(path: &Path) -> Result<Option<Known>, EngineError> {
        let failed = |source| EngineError::Record { environment: "checkout".to_owned(), source };
        record::read(path).map_err(failed)
    }

    /// All of them; one that cannot be read is nobody's.
    pub fn all(&self) -> Vec<Known> {
        let entries = fs::read_dir(self.dir()).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_one = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut all: Vec<Known> =
            entries.filter(is_one).filter_map(|path| Self::read(&path).ok().flatten()).collect();
        all.sort_by(|one, other| one.root.cmp(&other.root));
        all
    }

    /// The directory of the project `name` in `root`.
    pub(crate) fn project(&self, name: &str, root: &Path) -> PathBuf {
        self.home.projects().join(format!("{name}-{}", self.place(root).hash))
    }

    /// What is kept of the checkout that has the project in `root`.
    pub fn at(&self, root: &Path) -> Option<Known> {
        self.place(root).known
    }

    /// The place of the checkout that has the project in `root`: by its path, if it is the same checkout that was there, else by
    /// its identity, if it was moved. A copy of one that is still there is another one.
    pub(crate) fn place(&self, root: &Path) -> Place {
        let usual = short_hash(root.as_os_str().as_encoded_bytes());
        let first = Self::read(&self.path(&usual)).ok().flatten();
        let is_first = |known: &Known| known.root == root;
        if first.is_none() && !self.dir().exists() {
            return Place { hash: usual, known: None };
        }
        let Some(identity) = Checkout::of(root).identity() else {
            return Place { hash: usual, known: first.filter(is_first) };
        };
        if let Some(known) = first.clone().filter(is_first).filter(|known| known.identity.is(&identity)) {
            return Place { hash: usual, known: Some(known) };
        }
        let all = self.all();
        let here = all.iter().find(|known| known.root == root && known.identity.is(&identity));
        let moved = || all.iter().find(|known| known.identity.is(&identity) && known.has_left());
        if let Some(known) = here.or_else(moved) {
            return Place { hash: known.hash.clone(), known: Some(known.clone()) };
        }
        // What was here before is another checkout's, be it that it was moved or removed.
        let is_free = |hash: &String| !all.iter().any(|known| known.hash == *hash);
        let hash = (0..100_u32).map(|number| match number {
            0 => usual.clone(),
            number => short_hash(format!("{}\0{number}", root.display()).as_bytes()),
        });
        Place { hash: hash.into_iter().find(is_free).unwrap_or(usual), known: None }
    }

    /// The checkout that was in `root` before this one, and whose data is kept.
    pub fn before(&self, root: &Path) -> Option<Known> {
        let place = self.place(root);
        self.all()
            .into_iter()
            .find(|known| known.root == root && known.hash != place.hash && !self.projects(known).is_empty())
    }

    /// The folders of projects that are a checkout's.
    pub fn projects(&self, known: &Known) -> Vec<PathBuf> {
        let end = format!("-{}", known.hash);
        let entries = fs::read_dir(self.home.projects()).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(&end)).collect()
    }

    /// Changes what is kept of the checkout that has the project in `root` and is `called` so by its directory; it is kept from
    /// now on. `change` is told what is kept of the others.
    pub fn keep<T>(
        &self,
        root: &Path,
        called: &str,
        change: impl FnOnce(&mut Known, &dyn Fn() -> Vec<Known>) -> T,
    ) -> Result<T, EngineError> {
        let checkout = Checkout::of(root);
        let _lock = self.hold()?;
        let place = self.place(root);
        let identity = checkout.identity().ok_or_else(|| EngineError::Io {
            what: "look at",
            path: root.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let mut known = place.known.clone().unwrap_or_else(|| Known {
            version: VERSION,
            root: root.to_owned(),
            called: called.to_owned(),
            hash: place.hash.clone(),
            identity: identity.clone(),
            main: None,
            branch: None,
            ports: BTreeMap::new(),
            docker: BTreeMap::new(),
        });
        (known.root, known.identity) = (root.to_owned(), identity);
        (known.main, known.branch) = (checkout.main(), checkout.branch());
        let hash = known.hash.clone();
        let others = || self.all().into_iter().filter(|other| other.hash != hash).collect::<Vec<_>>();
        let result = change(&mut known, &others);
        if place.known.as_ref() == Some(&known) {
            return Ok(result);
        }
        if place.known.is_none() {
            for gone in others().iter().filter(|other| self.is_nothing(other)) {
                remove(&self.path(&gone.hash))?;
            }
        }
        self.write(&known)?;
        Ok(result)
    }

    pub(super) fn write(&self, known: &Known) -> Result<(), EngineError> {
        record::write(known, &self.path(&known.hash))
            .map_err(|source| EngineError::Record { environment: known.called.clone(), source })
    }

    /// Says that what has the `hash`, an orphan's, is the checkout's in `root` from now on; what that has of its own is another's
    /// then, and has to be empty.
    pub fn adopt(
        &self,
        hash: &str,
        orphan: Option<&Known>,
        root: &Path,
        called: &str,
    ) -> Result<(), EngineError> {
        let checkout = Checkout::of(root);
        let _lock = self.hold()?;
        let own = self.place(root);
        if own.known.is_some() && own.hash != hash {
            remove(&self.path(&own.hash))?;
        }
        let (orphan, root, hash) = (orphan.cloned(), root.to_owned(), hash.to_owned());
        let Some(identity) = checkout.identity() else { return Ok(()) };
        let (main, branch) = (checkout.main(), checkout.branch());
        self.write(&Known {
            version: VERSION,
            called: orphan.as_ref().map_or_else(|| called.to_owned(), |orphan| orphan.called.clone()),
            docker: orphan.as_ref().map(|orphan| orphan.docker.clone()).unwrap_or_default(),
            ports: own.known.or(orphan).map(|known| known.ports).unwrap_or_default(),
            root,
            hash,
            identity,
            main,
            branch,
        })
    }

    /// Forgets a checkout.
    pub fn forget(&self, known: &Known) -> Result<(), EngineError> {
        let _lock = self.hold()?;
        remove(&self.path(&known.hash))
    }

    /// Forgets the checkout whose folder of projects is `project` and is gone, unless ports were moved for it.
    pub(crate) fn forget_empty(&self, project: &Path) -> Result<(), EngineError> {
        let name = project.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((_, hash)) = name.rsplit_once('-') else { return Ok(()) };
        if !self.path(hash).exists() {
            return Ok(());
        }
        let _lock = self.hold()?;
        match Self::read(&self.path(hash))? {
            Some(known) if self.is_nothing(&known) => remove(&self.path(hash)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether nothing is kept for a checkout, be it on Docker, and no port that it may want again.
    fn is_nothing(&self, known: &Known) -> bool {
        if known.docker.values().any(|has| !has.volumes.is_empty()) {
            return false;
        }
        let is_plain = known.ports.values().all(BTreeMap::is_empty) && known.docker.is_empty();
        (is_plain || known.has_left()) && self.projects(known).is_empty()
    }

    /// Keeps that there is the checkout that has the project in `root` and is `called` so.
    pub(crate) fn note(&self, root: &Path, called: &str) -> Result<(), EngineError> {
        self.keep(root, called, |_, _| ())
    }

    /// Holds what is copied from one checkout to another, until the lock is dropped: two backups of one server at a time end each other's
    /// log.
    ///
    /// # Errors
    /// When others take longer than `limit`.
    pub fn hold_copies(&self, limit: Duration) -> Result<Lock, EngineError> {
        self.home.make(&self.dir())?;
        Ok(Lock::acquire(&self.dir().join("copying.lock"), limit)?)
    }

    pub(super) fn hold(&self) -> Result<Lock, EngineError> {
        self.home.make(&self.dir())?;
        Ok(Lock::acquire(&self.dir().join("lock"), LIMIT)?)
    }
}

impl Known {
    /// The name of the project whose folder here has the name `own`: in a linked worktree one that the directory alone has given is
    /// that which the main checkout's gives.
    pub fn project(&self, own: &str) -> String {
        let main = self.main.as_deref().filter(|_| own == self.called).and_then(Path::file_name);
        main.map_or_else(|| own.to_owned(), |name| name_of_directory(&name.to_string_lossy()))
    }

    /// Whether the checkout is not where it was any more, be it moved or removed.
    pub fn has_left(&self) -> bool {
        !self.root.is_dir()
            || Checkout::of(&self.root).identity().is_some_and(|identity| !identity.is(&self.identity))
    }

    /// Where it is now, if it has left and that can be told: git knows its worktrees, and what was renamed is beside where it was.
    pub fn is_at(&self) -> Option<PathBuf> {
        let beside = self.root.ancestors().skip(1).find(|dir| dir.is_dir());
        let entries =
            |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let worktrees = self.main.as_deref().map(Checkout::of).and_then(|main| main.git);
        let worktrees = worktrees.into_iter().flat_map(|git| git.worktrees());
        let mut places = beside.into_iter().flat_map(entries).chain(worktrees).filter(|dir| dir.is_dir());
        places.find(|dir| Checkout::of(dir).identity().is_some_and(|there| there.is(&self.identity)))
    }

    /// The ports that it has for itself.
    pub fn taken(&self) -> BTreeSet<u16> {
        self.ports.values().flat_map(BTreeMap::values).flat_map(Port::all).collect()
    }
}

/// A directory's name as the name of its project, as Compose has it.
pub fn name_of_directory(directory: &str) -> String {
    let directory = directory.trim_end_matches(".git").to_lowercase();
    let kept =
        directory.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    kept.collect::<String>().trim_start_matches(['-', '_']).to_owned()
}

fn remove(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EngineError::Io { what: "remove", path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
