//! Volumes: what outlives an environment, and what is known of it.
//!
//! ```text
//! <environment>/volumes/<name>/    one of an environment's own; `down --volumes` removes it
//! HOME/volumes/<name>/             one that projects share by its name
//! HOME/folders/<id>/               a folder of the user's: its content is where it is
//!     volume.json                  who made it, and the clusters in it
//!     busy.lock                    held by who puts a cluster into it
//!     data/                        its content
//! ```

mod error;
mod successor;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_plan::{Storage, Volume};
use backlot_process::working_in;
use backlot_templates::{is_cluster, is_unfinished};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::home::Home;
use crate::lock::Lock;
use crate::record::{self, VERSION};
use crate::site::{Site, folders_in};
use crate::taken::Taken;

pub use error::VolumeError;
pub use successor::Successor;

/// How long somebody else may take to put a cluster into a volume.
const BUSY_LIMIT: Duration = Duration::from_secs(30);
/// Where a volume goes while it is removed.
const DOOMED: &str = ".removed";
/// The file that says that a folder holds a cluster, and of which major version.
const MAJOR: &str = "PG_VERSION";

/// What is known of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRecord {
    /// The format's version.
    pub version: u32,
    /// Its name, or the folder that it is.
    pub name: String,
    /// The environment that made it; none for one that was made by name.
    pub maker: Option<Maker>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The clusters that were made in it, by the path below its content.
    #[serde(default)]
    pub clusters: BTreeMap<PathBuf, ClusterRecord>,
}

/// The environment that made a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The project's directory.
    pub project: PathBuf,
    /// The environment's name.
    pub environment: String,
    /// The environment's own place.
    pub site: PathBuf,
}

/// What a cluster was made with, all that counts at that time only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// The major version.
    pub major: u32,
    /// The superuser.
    pub user: String,
    /// The databases that were made.
    pub databases: Vec<String>,
    /// The arguments of `initdb`.
    pub initdb_args: Vec<String>,
}

impl Site {
    /// What is known of a volume; nothing of one that an earlier version made, or somebody else.
    pub fn volume_record(&self, volume: &Volume) -> Result<Option<VolumeRecord>, EngineError> {
        read(&self.keeper(volume), &volume.to_string())
    }

    /// The volumes that `down --volumes` removes: the environment's own, and those with a name that it has made.
    pub fn removable_volumes(&self) -> Result<Vec<Volume>, EngineError> {
        if self.service().is_some() {
            return Ok(Vec::new());
        }
        let mut volumes: Vec<Volume> = names_in(&self.volumes())?.into_iter().map(Volume::Own).collect();
        for name in names_in(&self.home().volumes())? {
            let volume = Volume::Shared(name);
            // One of which nothing can be read is not known to be ours: it is left alone, and in nobody's way.
            let record = self.volume_record(&volume).ok().flatten();
            if record.and_then(|record| record.maker).is_some_and(|maker| maker.site == self.dir()) {
                volumes.push(volume);
            }
        }
        Ok(volumes)
    }
}

/// The names of the volumes in a directory.
fn names_in(dir: &Path) -> Result<Vec<String>, EngineError> {
    let folders = folders_in(dir)?;
    let names = folders.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
    // One that is being removed is out of sight already.
    Ok(names.filter(|name| !name.starts_with('.')).map(Cow::into_owned).collect())
}

fn read(keeper: &Path, name: &str) -> Result<Option<VolumeRecord>, EngineError> {
    record::read(&keeper.join("volume.json"))
        .map_err(|source| EngineError::Record { environment: name.to_owned(), source })
}

fn write(keeper: &Path, record: &VolumeRecord) -> Result<(), EngineError> {
    record::write(record, &keeper.join("volume.json"))
        .map_err(|source| EngineError::Record { environment: record.name.clone(), source })
}

/// A volume of which somebody else may want to make something, held until this is dropped.
#[derive(Debug)]
pub struct Held {
    keeper: PathBuf,
    record: VolumeRecord,
    _lock: Lock,
}

/// Takes hold of a volume for the environment at `site`; what it is kept in is made.
pub fn hold(site: &Site, project: &Path, volume: &Volume) -> Result<Held, EngineError> {
    if let Volume::Folder(folder) = volume {
        fs::create_dir_all(folder).map_err(|source| EngineError::Io {
            what: "make",
            path: folder.clone(),
            source,
        })?;
    }
    let keeper = site.keeper(volume);
    site.home().make(&keeper)?;
    let lock = Lock::acquire(&keeper.join("busy.lock"), BUSY_LIMIT)?;
    let known = read(&keeper, &volume.to_string())?;
    let record = known.clone().unwrap_or_else(|| made_by(site, project, volume));
    if known.is_none() {
        write(&keeper, &record)?;
    }
    Ok(Held { keeper, record, _lock: lock })
}

/// The record of a volume that the environment at `site` makes.
fn made_by(site: &Site, project: &Path, volume: &Volume) -> VolumeRecord {
    let name = match volume {
        Volume::Own(name) | Volume::Shared(name) => name.clone(),
        Volume::Folder(folder) => folder.display().to_string(),
    };
    let (environment, place) = (site.environment().to_owned(), site.environment_dir());
    VolumeRecord {
        version: VERSION,
        name,
        maker: Some(Maker { project: project.to_owned(), environment, site: place }),
        created: record::now(),
        clusters: BTreeMap::new(),
    }
}

impl Held {
    /// Writes down what a cluster was made with.
    pub fn remember(&mut self, below: &Path, cluster: ClusterRecord) -> Result<(), EngineError> {
        self.record.clusters.insert(below.to_owned(), cluster);
        write(&self.keeper, &self.record)
    }
}

/// Whether a cluster may be made where `storage` says: there is none near it that would be forgotten, and no files of
/// somebody else.
pub fn check_room(site: &Site, storage: &Storage) -> Result<(), EngineError> {
    let Storage::Durable { volume, .. } = storage else { return Ok(()) };
    let (content, data) = (site.content(volume), site.data(storage));
    for found in clusters_in(&content) {
        if found != data {
            let major = backlot_files::text(&found.join(MAJOR)).unwrap_or_default().trim().to_owned();
            let (volume, wanted) = (volume.clone(), data);
            return Err(VolumeError::OtherCluster { volume, found, major, wanted }.into());
        }
    }
    let holds_files = fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_some());
    if holds_files && !is_cluster(&data) && !is_unfinished(&data) {
        return Err(VolumeError::NotEmpty { path: data }.into());
    }
    let old = match volume {
        Volume::Own(_) => None,
        Volume::Shared(name) => Some(name.as_str()),
        Volume::Folder(folder) => folder.file_name().and_then(|name| name.to_str()),
    };
    let old = old.map(|name| site.volumes().join(name).join("data")).filter(|old| is_cluster(old));
    match old {
        Some(old) => Err(VolumeError::Moved { volume: volume.clone(), old, new: data }.into()),
        None => Ok(()),
    }
}

/// The clusters that a volume holds, each with its major version.
pub fn clusters(site: &Site, volume: &Volume) -> Vec<(PathBuf, u32)> {
    let major = |data: &PathBuf| backlot_files::text(&data.join(MAJOR)).ok()?.trim().parse().ok();
    clusters_in(&site.content(volume))
        .into_iter()
        .filter_map(|data| Some((data.clone(), major(&data)?)))
        .collect()
}

/// The clusters in a volume: itself, or in folders two levels below, where images have them.
fn clusters_in(content: &Path) -> Vec<PathBuf> {
    let folders = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    // Folders of single databases have a version, too; and a copy that is not complete is none.
    let is_whole = |dir: &PathBuf| is_cluster(dir) && dir.join("global/pg_control").exists();
    let content = content.to_owned();
    if is_unfinished(&content) {
        return Vec::new();
    }
    if is_whole(&content) {
        return vec![content];
    }
    let first: Vec<PathBuf> = folders(&content);
    let second =
        first.iter().filter(|dir| !is_whole(dir) && !is_unfinished(dir)).flat_map(|dir| folders(dir));
    let all: Vec<PathBuf> = first.iter().cloned().chain(second).collect();
    all.into_iter().filter(is_whole).collect()
}

/// The major version of the cluster that is where `storage` says.
pub fn major_in(site: &Site, storage: &Storage) -> Option<u32> {
    storage.volume()?;
    let data = site.data(storage);
    is_cluster(&data).then(|| backlot_files::text(&data.join(MAJOR)).ok()?.trim().parse().ok()).flatten()
}

/// A volume that projects share, in a listing.
#[derive(Debug)]
pub struct Shared {
    /// Its name.
    pub name: String,
    /// Its content.
    pub path: PathBuf,
    /// What is known of it.
    pub record: Option<VolumeRecord>,
    /// A process that works in it.
    pub user: Option<i32>,
}

/// The volumes that projects share by name.
pub fn list(home: &Home) -> Result<Vec<Shared>, EngineError> {
    names_in(&home.volumes())?.into_iter().map(|name| shared(home, name)).collect()
}

/// The volume `name`, which projects share.
pub fn inspect(home: &Home, name: &str) -> Result<Shared, EngineError> {
    check_name(name)?;
    if !exists(home, name) {
        return Err(VolumeError::Unknown { name: name.to_owned() }.into());
    }
    shared(home, name.to_owned())
}

/// Whether a service can have the volume `name`, which projects share.
///
/// # Errors
/// When that is no name of a volume, or somebody else should have made it and has not.
pub fn check(home: &Home, name: &str, is_external: bool, service: &str) -> Result<(), VolumeError> {
    check_name(name)?;
    if is_external && !exists(home, name) {
        return Err(VolumeError::Missing { name: name.to_owned(), service: service.to_owned() });
    }
    Ok(())
}

/// Whether there is a volume `name` that projects share.
pub fn exists(home: &Home, name: &str) -> bool {
    home.volumes().join(name).is_dir()
}

fn shared(home: &Home, name: String) -> Result<Shared, EngineError> {
    let keeper = home.volumes().join(&name);
    let (record, path) = (read(&keeper, &name)?, keeper.join("data"));
    let user = working_in(&path).map(|process| process.pid);
    Ok(Shared { name, path, record, user })
}

/// Makes the volume `name`; `false` when it was there.
pub fn create(home: &Home, name: &str) -> Result<bool, EngineError> {
    check_name(name)?;
    if exists(home, name) {
        return Ok(false);
    }
    let keeper = home.volumes().join(name);
    home.make(&keeper)?;
    let (created, clusters) = (record::now(), BTreeMap::new());
    let record = VolumeRecord { version: VERSION, name: name.to_owned(), maker: None, created, clusters };
    write(&keeper, &record)?;
    Ok(true)
}

/// Removes the volumes of an environment: the durable data, those with a name that it has made included.
pub fn remove_all(taken: &Taken) -> Result<(), EngineError> {
    for volume in taken.site().removable_volumes()? {
        match volume {
            Volume::Own(_) | Volume::Folder(_) => {}
            Volume::Shared(name) => remove(taken.site().home(), &name)?,
        }
    }
    taken.remove_own_volumes()
}

/// Removes the volume `name` with all that is in it.
pub fn remove(home: &Home, name: &str) -> Result<(), EngineError> {
    let volume = inspect(home, name)?;
    let keeper = home.volumes().join(name);
    let _lock = Lock::acquire(&keeper.join("busy.lock"), Duration::ZERO)?;
    if let Some(pid) = volume.user {
        return Err(VolumeError::InUse { name: name.to_owned(), pid, path: volume.path }.into());
    }
    backlot_postgres::free_shared_memory(&volume.path);
    let doomed = home.volumes().join(DOOMED);
    let failed = |source| EngineError::Io { what: "remove", path: keeper.clone(), source };
    let gone = |outcome: io::Result<()>| match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    // In one step out of sight, so that nobody takes half of it for a database; what a killed one has left goes first.
    gone(fs::remove_dir_all(&doomed))?;
    fs::rename(&keeper, &doomed).map_err(failed)?;
    gone(fs::remove_dir_all(&doomed))
}

/// Removes what a killed command has left of a volume that it removed. What does not go is in nobody's way.
pub fn sweep(home: &Home) {
    let _ = fs::remove_dir_all(home.volumes().join(DOOMED));
}

/// Has the volume `name` belong to nobody: a file says that it is external, and no environment removes it any more.
pub fn disown(home: &Home, name: &str) -> Result<(), EngineError> {
    check_name(name)?;
    let keeper = home.volumes().join(name);
    match read(&keeper, name)? {
        Some(record) if record.maker.is_some() => write(&keeper, &VolumeRecord { maker: None, ..record }),
        Some(_) | None => Ok(()),
    }
}

/// A volume's name is a folder's: Docker's own rule, which leads nowhere else.
fn check_name(name: &str) -> Result<(), VolumeError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 200 && name.chars().all(fits) {
        return Ok(());
    }
    Err(VolumeError::Name { name: name.to_owned() })
}
