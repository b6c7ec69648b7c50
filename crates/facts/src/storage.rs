//! Where a database's data goes: in a volume, in a folder of the user's, or away with its environment.
//!
//! A database is throw-away only when nothing durable is mounted at the place where its image keeps the data, or above it.

use std::path::{Component, Path, PathBuf};

use backlot_hint::quoted;
use backlot_plan::{Storage, Volume};
use backlot_project::stack::{Mount, MountKind, Volume as ComposeVolume};
use backlot_project::{Location, Service, Stack};

use crate::container::{Container, image_of};
use backlot_dockerfile::normal;

/// The variable that says where a new cluster has its log.
pub const LOG: &str = "POSTGRES_INITDB_WALDIR";
/// Variables by which images are told where their data goes.
const TOLD_BY: [&str; 3] = ["PGDATA", "POSTGRESQL_DATA_DIR", "DATADIR"];

/// Where the images of Postgres keep their data when nothing tells them, PostgreSQL 18's own aside: the official one's and
/// those made like it, Bitnami's, Timescale's and Spilo's, Crunchy's, Red Hat's, Chainguard's.
const USUAL: [&str; 7] = [
    "/var/lib/postgresql/data",
    "/bitnami/postgresql/data",
    "/home/postgres/pgdata/data",
    "/home/postgres/pgdata/pgroot/data",
    "/pgdata",
    "/var/lib/pgsql/data",
    "/var/lib/postgres/data",
];

/// The major version from which on the official image keeps each major's data in a folder of its own.
const FOLDER_A_MAJOR: u32 = 18;

/// Where the images of other databases keep theirs, by the last part of their names.
const OTHERS: [(&str, &str); 22] = [
    ("redis", "/data"),
    ("redis", "/bitnami/redis/data"),
    ("redis-stack", "/data"),
    ("redis-stack-server", "/data"),
    ("valkey", "/data"),
    ("valkey", "/bitnami/valkey/data"),
    ("keydb", "/data"),
    ("mysql", "/var/lib/mysql"),
    ("mariadb", "/var/lib/mysql"),
    ("percona", "/var/lib/mysql"),
    ("mongo", "/data/db"),
    ("rabbitmq", "/var/lib/rabbitmq"),
    ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("opensearch", "/usr/share/opensearch/data"),
    ("influxdb", "/var/lib/influxdb2"),
    ("influxdb", "/var/lib/influxdb"),
    ("clickhouse-server", "/var/lib/clickhouse"),
    ("cassandra", "/var/lib/cassandra"),
    ("neo4j", "/data"),
    ("minio", "/data"),
    ("meilisearch", "/meili_data"),
    ("qdrant", "/qdrant/storage"),
];

/// A volume that Docker could mount and this engine cannot, or that holds data in a way that nobody can mean.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Data that may not be written.
    #[error("service {service} mounts its data at {target} so that it can only be read")]
    ReadOnly {
        /// The service.
        service: String,
        /// Where it is mounted.
        target: String,
        /// Where the service is defined.
        at: Location,
    },
    /// The data would be outside of what is mounted.
    #[error("the data of service {service} would be at {below:?} in its volume, which leads out of it")]
    Outside {
        /// The service.
        service: String,
        /// The path.
        below: PathBuf,
        /// Where the service is defined.
        at: Location,
    },
    /// Something that only Docker can mount.
    #[error("service {service} keeps its data on {what}, which only Docker can mount")]
    OnlyDocker {
        /// The service.
        service: String,
        /// What it is.
        what: String,
        /// Where the service is defined.
        at: Location,
    },
    /// A folder that is not there, and that the file forbids to make.
    #[error("service {service} keeps its data in {}, which is not there", source_path.display())]
    NoFolder {
        /// The service.
        service: String,
        /// The folder.
        source_path: PathBuf,
        /// Where the service is defined.
        at: Location,
    },
}

impl StorageError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::ReadOnly { at, .. } => format!("take `ro` or `read_only` from that mount ({at})"),
            Self::Outside { at, .. } => format!("name a folder inside of the volume ({at})"),
            Self::OnlyDocker { at, .. } => {
                format!("use a plain volume or a folder ({at}), or --engine docker")
            }
            Self::NoFolder { source_path, at, .. } => {
                format!("mkdir {}, or take `create_host_path: false` away ({at})", quoted(source_path))
            }
        }
    }
}

/// Where the data of a service with a Postgres image goes. `told` is where its own command says it is.
pub fn of_postgres(
    service: &Service,
    stack: &Stack,
    major: Option<u32>,
    told: Option<&str>,
) -> Result<Storage, StorageError> {
    if stack.throwaway {
        return Ok(Storage::Throwaway);
    }
    for place in places(service, major, told) {
        if let Some(mount) = mount_for(service, &place) {
            return of_mount(service, stack, mount, &place);
        }
    }
    Ok(Storage::Throwaway)
}

/// Where a service has the log of its database (`POSTGRES_INITDB_WALDIR`), if that is mounted; none where it says nothing.
pub fn of_log(service: &Service, stack: &Stack) -> Result<Option<(PathBuf, Storage)>, StorageError> {
    let container = Container::of(service, Path::new("/"));
    let Some(place) = container.variable(LOG).filter(|place| !place.is_empty()) else { return Ok(None) };
    let place = normal(Path::new(place));
    let storage = match mount_for(service, &place).filter(|_| !stack.throwaway) {
        Some(mount) => of_mount(service, stack, mount, &place)?,
        None => Storage::Throwaway,
    };
    Ok(Some((place, storage)))
}

/// Where the data of a service with an image of another kind that is known to keep some goes; none for all others.
pub fn of_others(service: &Service, stack: &Stack) -> Result<Option<Storage>, StorageError> {
    let mut places = other_places(service).map(PathBuf::from).peekable();
    if places.peek().is_none() {
        return Ok(None);
    }
    for place in places.filter(|_| !stack.throwaway) {
        if let Some(mount) = mount_for(service, &place) {
            return of_mount(service, stack, mount, &place).map(Some);
        }
    }
    Ok(Some(Storage::Throwaway))
}

/// The targets of those mounts of a service at which its image, a database's, keeps the data.
pub fn data_targets(service: &Service, is_postgres: bool, major: Option<u32>) -> Vec<&str> {
    let of_postgres = if is_postgres { places(service, major, None) } else { Vec::new() };
    let others = other_places(service).map(PathBuf::from);
    let places: Vec<PathBuf> = of_postgres.into_iter().chain(others).collect();
    let for_data = |mount: &&Mount| places.iter().any(|place| relation(mount, place).is_some());
    service.volumes.iter().filter(for_data).map(|mount| mount.target.as_str()).collect()
}

/// Where the image of a service keeps its data, if it is one of those and nothing is mounted there.
pub fn unmounted(service: &Service) -> Option<&'static str> {
    other_places(service).next().filter(|_| data_targets(service, false, None).is_empty())
}

fn other_places(service: &Service) -> impl Iterator<Item = &'static str> + use<> {
    let image = image_of(service).map(|image| image.repository).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default().to_owned();
    OTHERS.iter().filter(move |(name, _)| *name == last).map(|(_, place)| *place)
}

/// Where the image of a Postgres service keeps its data.
pub fn place_of_postgres(service: &Service, major: Option<u32>) -> PathBuf {
    places(service, major, None).into_iter().next().unwrap_or_default()
}

/// The places where a Postgres image may keep its data, the likeliest first; the only one where it is told.
pub(crate) fn places(service: &Service, major: Option<u32>, told: Option<&str>) -> Vec<PathBuf> {
    // Only its variables are asked for, wherever its files are.
    let container = Container::of(service, Path::new("/"));
    let variable = |name: &&str| container.variable(name).filter(|path| !path.is_empty());
    if let Some(told) = told.or_else(|| TOLD_BY.iter().find_map(variable)) {
        return vec![normal(Path::new(told))];
    }
    let of_major = major.filter(|major| *major >= FOLDER_A_MAJOR);
    let of_major = of_major.map(|major| PathBuf::from(format!("/var/lib/postgresql/{major}/docker")));
    of_major.into_iter().chain(USUAL.iter().map(PathBuf::from)).collect()
}

/// The mount that holds `place`: the innermost one, else one that lies in it.
fn mount_for<'s>(service: &'s Service, place: &Path) -> Option<&'s Mount> {
    let mounts = service.volumes.iter().filter_map(|mount| Some((relation(mount, place)?, mount)));
    mounts.max_by_key(|(relation, _)| *relation).map(|(_, mount)| mount)
}

/// What a mount has to do with a place: whether it holds it, and how deep it is; none for nothing. The root of all holds
/// everything, and is meant for nothing; of what lies in the place only the folder counts that people give to `PGDATA`.
fn relation(mount: &Mount, place: &Path) -> Option<(bool, usize)> {
    let target = normal(Path::new(&mount.target));
    let depth = target.components().count();
    let holds = place.starts_with(&target);
    let is_usual_part = target.starts_with(place) && target.ends_with("pgdata");
    (depth > 1 && (holds || is_usual_part)).then_some((holds, depth))
}

fn of_mount(service: &Service, stack: &Stack, mount: &Mount, place: &Path) -> Result<Storage, StorageError> {
    let (name, at) = (service.name.clone(), service.location.clone());
    let below = place.strip_prefix(normal(Path::new(&mount.target))).unwrap_or(Path::new(""));
    let parts = mount.subpath.iter().map(PathBuf::as_path).chain([below]);
    let below = parts.filter(|part| !part.as_os_str().is_empty()).collect::<PathBuf>();
    if below.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(StorageError::Outside { service: name, below, at });
    }
    let only_docker = |what: String| StorageError::OnlyDocker { service: name.clone(), what, at: at.clone() };
    let volume = match &mount.kind {
        MountKind::Tmpfs { .. } | MountKind::Volume { source: None } => return Ok(Storage::Throwaway),
        MountKind::Bind { source } => {
            if !mount.creates_source && !source.exists() {
                return Err(StorageError::NoFolder { service: name, source_path: source.clone(), at });
            }
            Volume::Folder(source.clone())
        }
        MountKind::Volume { source: Some(key) } => match volume(key, stack).map_err(only_docker)? {
            Some(volume) => volume,
            None => return Ok(Storage::Throwaway),
        },
        MountKind::Other { kind, .. } => return Err(only_docker(format!("a mount of the type {kind}"))),
    };
    if mount.read_only {
        return Err(StorageError::ReadOnly { service: name, target: mount.target.clone(), at });
    }
    Ok(Storage::Durable { volume, below })
}

/// The volume that a stack knows as `key`; none for one that is in memory.
///
/// # Errors
/// What it is, where only Docker can mount it.
pub fn volume(key: &str, stack: &Stack) -> Result<Option<Volume>, String> {
    let Some(volume) = stack.volumes.get(key) else { return Ok(Some(Volume::Own(key.to_owned()))) };
    if let Some(driver) = volume.driver.as_deref().filter(|driver| *driver != "local") {
        return Err(format!("volume {key} of the driver {driver}"));
    }
    if !volume.options.is_empty() {
        return of_options(key, volume, &stack.working_dir);
    }
    let is_own = !volume.external && volume.name == format!("{}_{key}", stack.name);
    Ok(Some(if is_own || volume.name.is_empty() {
        Volume::Own(key.to_owned())
    } else {
        Volume::Shared(volume.name.clone())
    }))
}

/// What Docker's local driver mounts: a folder of the machine, memory, or a device.
fn of_options(key: &str, volume: &ComposeVolume, dir: &Path) -> Result<Option<Volume>, String> {
    let option = |name: &str| volume.options.get(name).map(String::as_str).unwrap_or_default();
    let (kind, device) = (option("type"), option("device"));
    let is_bind = option("o").split(',').any(|word| matches!(word.trim(), "bind" | "rbind"));
    match kind {
        _ if is_bind && !device.is_empty() => Ok(Some(Volume::Folder(dir.join(device)))),
        "tmpfs" => Ok(None),
        "" => Ok(Some(Volume::Own(key.to_owned()))),
        kind => Err(format!("volume {key} of the type {kind}")),
    }
}

#[cfg(test)]
mod tests;
