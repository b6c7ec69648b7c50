//! Ready Postgres clusters that others are cloned from.
//!
//! ```text
//! DIR/lock                     held by whoever makes or removes a template
//! DIR/15.18-0123456789abcdef/  one template: the version, and the hash of all that made it
//!     data/                    the data directory
//!     spares/                  copies of it made ahead of need
//!         ready-…/             one that is whole; its name tells since which start of this machine
//!         making-…/            one that is being made
//!         used-…/              a clone that was replaced, of which one is made
//!     printed                  what was printed while it was filled
//!     complete                 written last, with the number of files; locked (shared) by whoever clones; its time is
//!                              that of the last use; as long as it is not on the disk, it counts until the machine is
//!                              started anew, which its second line tells
//! DIR/making-…/                one that is being made; left by a process that died, it is dropped
//! DIR/dropped/                 one that is being removed
//! ```

mod back;
mod boot;
mod clone;
mod copy;
mod difference;
mod filled;
mod folder;
mod key;
mod lock;
mod make;
mod prune;
mod segments;
mod spares;
mod spread;
mod way;

pub use back::TakenBack;
pub use boot::{boot, is_of_this_boot};
pub use clone::Fill;
pub use copy::{copy_again, copy_gently, copy_log, copy_unused, copy_upon, copy_while_used, size_of};
pub use difference::Difference;
pub use folder::{is_cluster, is_unfinished};
pub use prune::Known;
pub use segments::has_ended_well;
pub use way::{Way, way_of_copying};

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backlot_postgres::{
    ClusterSpec, Durability, InitError, Installation, SpecError, StorageError, remove_tree,
};
use backlot_process::{Owner, OwnerError, ProcessError};

use crate::copy::count_files;
use crate::folder::{DATA, fresh, lock_spares, remove_prefixed};
use crate::key::key;
use crate::lock::Sharing;
use crate::make::make;

/// How long another process may take to make a template before we give up.
const MAKING: Duration = Duration::from_mins(2);
/// How long a template may be held by someone who removes it.
const REMOVING: Duration = Duration::from_secs(10);

const MARKER: &str = "complete";
/// What the names begin with of templates that are being made.
pub const MAKING_PREFIX: &str = "making-";
const SPARES: &str = "spares";
/// What the names begin with of clones that were replaced, of which spares are made.
const USED: &str = "used-";
const DROPPED: &str = "dropped";

/// A directory of templates. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Templates {
    dir: PathBuf,
    owner: Owner,
    limit: Duration,
}

/// A ready cluster. As long as this value lives, [`Templates::prune`] leaves it alone.
#[derive(Debug)]
pub struct Template {
    /// The version and the hash of all that made it.
    pub key: String,
    /// Whether it was made just now, which takes about a second, or was there already.
    pub was_made: bool,
    data_dir: PathBuf,
    owner: Owner,
    /// The program that can sync a clone to disk, where that is wanted.
    syncer: Option<PathBuf>,
    held: Held,
}

/// Whether what is published is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    ToDisk,
    NotYet,
}

/// The lock on a template that is complete.
#[derive(Debug)]
struct Held {
    _lock: File,
    /// How many files it had when it was made; one that an earlier version made does not tell.
    files: Option<usize>,
}

/// Why there is no template, or no clone of it. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// No cluster can be like that.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The account that Postgres runs as cannot get there.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A file or directory could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// `initdb`, or the making of a database, failed.
    #[error("make a new cluster")]
    Make(#[source] ProcessError),
    /// It could not be filled.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A clone could not be written through to the disk.
    #[error("sync the new cluster to disk")]
    Sync(#[source] ProcessError),
    /// Another process is making a template and does not finish.
    #[error("get hold of {} within {} s: another process has it", path.display(), waited.as_secs_f64())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Files of the template have been lost, to a cleaner of temporary files perhaps. It is made anew next time.
    #[error("clone {}: it has {found} files instead of {expected}", path.display())]
    Damaged {
        /// The template's data directory.
        path: PathBuf,
        /// How many files it had when it was made.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The target of a clone is there already.
    #[error("clone a cluster into {}: it is there already", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
}

impl Templates {
    /// The templates in `dir`, which is made when needed. `owner` is whom Postgres runs as, and has to be able to reach it.
    pub fn new(dir: impl Into<PathBuf>, owner: Owner) -> Self {
        Self { dir: dir.into(), owner, limit: Duration::from_mins(1) }
    }

    /// How long each of the programs that make a template may take; a minute if nothing is said.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The template for this version and these wishes; made if it is not there, which takes about a second.
    pub fn ensure(&self, installation: &Installation, spec: &ClusterSpec) -> Result<Template, TemplateError> {
        spec.check()?;
        let key = key(installation, spec, &self.owner)
            .map_err(StorageError::at("look at", &installation.bin_dir))?;
        if let Some(held) = self.hold(&key)? {
            return Ok(self.template(key, false, installation, spec, held));
        }
        self.owner.check_reach(&self.dir.join(&key).join(DATA))?;
        let _maker = self.lock_for_change(MAKING)?;
        // Another process may have made it while we waited.
        if let Some(held) = self.hold(&key)? {
            return Ok(self.template(key, false, installation, spec, held));
        }
        let staging = fresh(&self.dir, MAKING_PREFIX)?;
        let made = make(&staging, installation, spec, &self.owner, self.limit)
            .and_then(|()| self.publish(&staging, &key, Written::ToDisk));
        if let Err(error) = made {
            // That error matters more than what is left behind, which the next one removes.
            let _ = fs::remove_dir_all(&staging);
            return Err(error);
        }
        let path = self.dir.join(&key).join(MARKER);
        let vanished = || StorageError::new("open", &path, io::ErrorKind::NotFound.into());
        let held = self.hold(&key)?.ok_or_else(vanished)?;
        Ok(self.template(key, true, installation, spec, held))
    }

    /// Removes what those have left who were killed while they made or removed a template or a spare. Nothing happens
    /// while one is being made.
    pub fn remove_unfinished(&self) -> Result<(), TemplateError> {
        let unfinished = self.unfinished();
        if unfinished.iter().any(|path| path.parent() == Some(&self.dir)) {
            match self.lock_for_change(Duration::ZERO) {
                Ok(_maker) => {
                    remove_prefixed(&self.dir, MAKING_PREFIX)?;
                    remove_tree(&self.dir.join(DROPPED))?;
                }
                Err(TemplateError::Busy { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for spares in unfinished.iter().filter_map(|path| path.parent()).filter(|dir| *dir != self.dir) {
            if let Some(_maker) = lock_spares(spares)? {
                remove_prefixed(spares, MAKING_PREFIX)?;
                remove_prefixed(spares, USED)?;
            }
        }
        Ok(())
    }

    /// Whether somebody who was killed has left templates or spares unfinished. What somebody is at is no such thing.
    pub fn has_left_overs(&self) -> bool {
        let is_held = |path: &PathBuf| {
            let lock = File::open(path.with_file_name("lock"));
            lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
        };
        !self.unfinished().iter().all(is_held)
    }

    /// Templates and spares that are being made or removed, or were by somebody who was killed.
    fn unfinished(&self) -> Vec<PathBuf> {
        let entries =
            |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let has = |path: &Path, prefix: &str| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
        };
        let templates: Vec<PathBuf> = entries(&self.dir).collect();
        let spares: Vec<PathBuf> =
            templates.iter().flat_map(|template| entries(&template.join(SPARES))).collect();
        let is_unfinished =
            |path: &PathBuf| [MAKING_PREFIX, DROPPED, USED].iter().any(|start| has(path, start));
        templates.into_iter().chain(spares).filter(is_unfinished).collect()
    }

    /// Keeps a complete template from being removed; `None` if there is none. Using it makes it the one used last.
    fn hold(&self, key: &str) -> Result<Option<Held>, TemplateError> {
        let path = self.dir.join(key).join(MARKER);
        if !self.dir.join(key).join(DATA).is_dir() {
            return Ok(None);
        }
        let at = |action| StorageError::at(action, &path);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at("open")(error).into()),
        };
        if !lock::acquire(&file, Sharing::Shared, REMOVING).map_err(at("lock"))? {
            return Err(TemplateError::Busy { path, waited: REMOVING });
        }
        // It may have been removed between the opening and the locking.
        let own = file.metadata().map_err(at("look at"))?;
        if !fs::metadata(&path).is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino())) {
            return Ok(None);
        }
        // Only the order of removal hangs on it.
        let _ = file.set_modified(SystemTime::now());
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(at("read"))?;
        let (files, started) = text.split_once('\n').unwrap_or((&text, ""));
        if !started.is_empty() && started.trim() != boot() {
            // The machine may have gone down before it was on the disk.
            return Ok(None);
        }
        Ok(Some(Held { files: files.trim().parse().ok(), _lock: file }))
    }

    fn lock_for_change(&self, limit: Duration) -> Result<File, TemplateError> {
        // Others may pass through, to their own files only.
        let made = DirBuilder::new().recursive(true).mode(0o711).create(&self.dir);
        made.map_err(StorageError::at("make", &self.dir))?;
        let path = self.dir.join("lock");
        let file = lock::open(&path).map_err(StorageError::at("open", &path))?;
        let locked =
            lock::acquire(&file, Sharing::Exclusive, limit).map_err(StorageError::at("lock", &path))?;
        if locked { Ok(file) } else { Err(TemplateError::Busy { path, waited: limit }) }
    }

    /// Marks what was made as complete and moves it to its place.
    fn publish(&self, staging: &Path, key: &str, written: Written) -> Result<(), TemplateError> {
        let marker = staging.join(MARKER);
        let files = count_files(&staging.join(DATA))?;
        let boot = if written == Written::ToDisk { String::new() } else { format!("{}\n", boot()) };
        let written_down = File::create_new(&marker).and_then(|mut file| {
            write!(file, "{files}\n{boot}")?;
            if written == Written::ToDisk { file.sync_all() } else { Ok(()) }
        });
        written_down.map_err(StorageError::at("write", &marker))?;
        let target = self.dir.join(key);
        // A folder of that name without a marker is none of ours, or broken.
        remove_tree(&target)?;
        fs::rename(staging, &target).map_err(StorageError::at("rename", staging))?;
        if written == Written::NotYet {
            return Ok(());
        }
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        Ok(synced.map_err(StorageError::at("sync", &self.dir))?)
    }

    fn template(
        &self,
        key: String,
        was_made: bool,
        installation: &Installation,
        spec: &ClusterSpec,
        held: Held,
    ) -> Template {
        let data_dir = self.dir.join(&key).join(DATA);
        let syncer = match spec.durability {
            Durability::Ephemeral => None,
            Durability::Durable => Some(installation.program("initdb")),
        };
        Template { key, was_made, data_dir, owner: self.owner.clone(), syncer, held }
    }
}
