//! Starting and stopping an environment's Postgres server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backlot_facts::database::Database;
use backlot_plan::{Port, Storage};
use backlot_postgres::{
    ClusterSpec, ClusterStarter, Connection, Durability, Installation, Place, PortWish, RunningCluster,
    StartError, StopMode,
};
use backlot_process::{FREE_PORTS, ProcessId, all_of_program_in, kill_all_holding, processes_holding};
use backlot_state::{DatabaseRecord, EngineError, Home, Lock, Record, Site, Taken, label, usual_port_of};

use crate::{changes, cluster, running};

/// How long a server may take to answer; recovery after a kill is part of it.
const START_LIMIT: Duration = Duration::from_mins(1);
/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";
/// How long a server that runs may take to answer a question.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to stop: as long as Postgres' own `pg_ctl` waits.
pub(super) const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How long one may take to end that somebody else has begun to stop.
const END_LIMIT: Duration = Duration::from_secs(20);
/// How long the lock may outlive the postmaster: its children notice its death and end by themselves.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);
/// How long they have for it. A busy one notices nothing, nor does a program that it has started; then they are killed.
const ORPHAN_LIMIT: Duration = Duration::from_millis(500);

/// How a server is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Whether it ends with us.
    pub(super) dies_with_us: bool,
    /// Whether it ran a moment ago, and the files ask for something else now.
    pub(super) again: bool,
}

/// Starts the server in its own session, holding the environment's lock.
///
/// # Errors
/// When it does not answer: with its last log lines.
pub(super) fn start(
    home: &Home,
    taken: &Taken,
    database: &Database,
    installation: &Installation,
    how: Start,
) -> Result<DatabaseRecord, EngineError> {
    let site = taken.site();
    cluster::check_extension(database, installation)?;
    taken.make_live()?;
    cluster::write_files(database, taken)?;
    let (spec, _) = cluster::spec(database, site, installation);
    let settings = spec.settings.clone();
    home.make(site.sockets().parent().unwrap_or(home.root()))?;
    let place = Place {
        data_dir: site.data(&database.storage),
        socket_dir: site.sockets(),
        log_file: site.log(&database.service),
    };
    let lock = Lock::acquire(&site.owner_lock(), RELEASE_LIMIT)?;
    // The lock is ours, so nobody listens: a socket that is still there was left by a server that was killed.
    taken.remove_sockets()?;
    let running = ClusterStarter {
        installation: installation.clone(),
        place: place.clone(),
        spec,
        owner: home.owner().clone(),
        port: match database.port {
            Port::Exact(port) => PortWish::Exact(port),
            Port::Free => PortWish::Free { preferred: usual_port(site) },
        },
        owner_lock: lock.share()?,
        dies_with_parent: how.dies_with_us,
        limit: START_LIMIT,
    }
    .start()
    .map_err(|error| match error {
        StartError::Rejected(_) if database.storage != Storage::Throwaway => {
            changes::rejected(database, changes::REJECTED, site).into()
        }
        error => EngineError::Start(error),
    })?;
    if how.again && database.storage == Storage::Throwaway {
        make_databases(database, &running)?;
    }
    Ok(DatabaseRecord {
        service: database.service.clone(),
        process: running.process,
        version: installation.version.to_string(),
        bin_dir: installation.bin_dir.clone(),
        clients: installation.clients.clone(),
        port: running.port,
        socket_dir: place.socket_dir,
        data_dir: place.data_dir,
        volume: label(&database.storage),
        user: database.user.clone(),
        password: secrecy::ExposeSecret::expose_secret(&database.password).to_owned(),
        database: database.application.clone(),
        settings,
        variables: database.variables.clone(),
        inside_port: database.inside_port,
    })
}

/// Makes the databases that the files have asked for since a throw-away cluster was made.
fn make_databases(database: &Database, running: &RunningCluster) -> Result<(), EngineError> {
    let access = running.tcp(&database.user, &database.password, MAINTENANCE);
    let mut connection = Connection::open(&access, ANSWER_LIMIT)?;
    for name in database.databases() {
        connection.create_database(&name)?;
    }
    Ok(())
}

/// Starts a server again that has run, as its record has it. Its new record is written.
///
/// # Errors
/// When it does not answer: with its last log lines.
pub(super) fn restart(home: &Home, taken: &Taken, record: &Record) -> Result<ProcessId, EngineError> {
    let site = taken.site();
    let not_up = || EngineError::NotUp { environment: site.name().to_owned(), exists: true };
    let database = record.database.as_ref().ok_or_else(not_up)?;
    let lock = Lock::acquire(&site.owner_lock(), RELEASE_LIMIT)?;
    taken.remove_sockets()?;
    let durability = if database.volume.is_some() { Durability::Durable } else { Durability::Ephemeral };
    let running = ClusterStarter {
        installation: super::installation(database),
        place: Place {
            data_dir: database.data_dir.clone(),
            socket_dir: database.socket_dir.clone(),
            log_file: site.log(&database.service),
        },
        spec: spec_of(database, durability),
        owner: home.owner().clone(),
        port: PortWish::Exact(database.port),
        owner_lock: lock.share()?,
        dies_with_parent: false,
        limit: START_LIMIT,
    }
    .start()?;
    let restarted = DatabaseRecord { process: running.process, ..database.clone() };
    let record = Record { database: Some(restarted), ..record.clone() };
    record
        .write(&site.record_path())
        .map_err(|source| EngineError::Record { environment: site.name().to_owned(), source })?;
    Ok(running.process)
}

/// What a server is that was started before.
pub(super) fn spec_of(database: &DatabaseRecord, durability: Durability) -> ClusterSpec {
    ClusterSpec {
        superuser: database.user.clone(),
        password: database.password.clone().into(),
        databases: vec![database.database.clone()],
        initdb_args: Vec::new(),
        host_auth: None,
        timezone: None,
        durability,
        settings: database.settings.clone(),
    }
}

/// Whether a port is one of those that are taken where the files name none.
pub(super) fn is_chosen(port: u16) -> bool {
    FREE_PORTS.contains(&port)
}

/// The port that this environment gets when it is free, so that it is the same each time: also for every run of the
/// tests, whose names differ behind the dot.
fn usual_port(site: &Site) -> u16 {
    let name = site.name().split_once('.').map_or(site.name(), |(name, _run)| name);
    usual_port_of(site.dir().with_file_name(name).as_os_str().as_encoded_bytes())
}

/// Stops the server that holds the environment's lock. A throw-away one need not write its data first, unless that is to
/// be `kept`.
///
/// # Errors
/// When it cannot be found, or does not stop.
pub(super) fn stop(taken: &Taken, kept: bool) -> Result<(), EngineError> {
    stop_within(taken, kept, STOP_LIMIT)
}

/// The same; past `limit` it has to stop at once, and a durable one recovers at its next start.
///
/// # Errors
/// As [`stop`].
pub(super) fn stop_within(taken: &Taken, kept: bool, limit: Duration) -> Result<(), EngineError> {
    let site = taken.site();
    // A damaged record must not keep anybody from stopping what runs: the data directory tells, too.
    let record = site.record().ok().flatten();
    // It is about to be wrong. Were we killed in the middle, nobody would know a dying server from a running one.
    taken.remove_record()?;
    let mut since = Instant::now();
    // One that was started a moment ago has not written down yet who it is, so it is looked for again and again.
    while site.is_running()? {
        let waited = since.elapsed();
        if let Some(running) = find(site, record.as_ref()) {
            let mode = if running.is_durable || kept { StopMode::Fast } else { StopMode::Immediate };
            running.cluster.stop(mode, limit)?;
            since = Instant::now();
        } else if waited > RELEASE_LIMIT {
            return Err(EngineError::StillHeld { lock: site.owner_lock(), waited });
        } else if waited > ORPHAN_LIMIT {
            kill_all_holding(&site.owner_lock());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Waits until it is known whether a server that runs is one to count on. One that somebody has begun to stop (a guard that
/// was killed at it, `pg_ctl`) is not, though it may run on for as long as a client stays: it is seen off. One that recovers
/// from the crash of one of its processes is if it answers afterwards. The record stays.
///
/// # Errors
/// When it does not end.
pub(super) fn settle(taken: &Taken) -> Result<(), EngineError> {
    let Ok(database) = running(taken.site()) else { return Ok(()) };
    let cluster = cluster_of(&database);
    if cluster.is_stopping() {
        cluster.stop(StopMode::Fast, END_LIMIT)?;
    } else {
        cluster.wait_until_settled(
            &cluster.socket(&database.user, &database.password.into(), MAINTENANCE),
            START_LIMIT,
        );
    }
    Ok(())
}

/// A server that is on record.
pub(super) fn cluster_of(database: &DatabaseRecord) -> RunningCluster {
    RunningCluster::attach(database.process, database.port, &database.socket_dir, &database.data_dir)
}

/// Frees what killed servers of the environment have left in the system's memory. None runs.
pub(super) fn free_shared_memory(site: &Site) {
    for data in data_dirs(site) {
        backlot_postgres::free_shared_memory(&data);
    }
}

/// The servers of an environment, whatever its record says: by the directories that they work in.
pub(super) fn processes(site: &Site) -> Vec<i32> {
    let recorded = site.record().ok().flatten().and_then(|record| record.database);
    let recorded = recorded.map(|database| database.data_dir);
    let data_dirs = data_dirs(site).into_iter().chain(recorded);
    let processes = data_dirs.flat_map(|data| all_of_program_in(&data, "postgres"));
    processes.map(|process| process.pid).collect()
}

struct Found {
    cluster: RunningCluster,
    is_durable: bool,
}

/// The postmaster that holds the environment's lock: the recorded one, else the one that a data directory of the
/// environment names.
fn find(site: &Site, record: Option<&Record>) -> Option<Found> {
    let recorded = record.and_then(|record| record.database.as_ref());
    if let Some(database) = recorded.filter(|database| database.process.is_alive()) {
        return Some(Found { cluster: cluster_of(database), is_durable: database.volume.is_some() });
    }
    let throwaway = site.data(&Storage::Throwaway);
    // A server works in its data directory, wherever that is.
    let works_in = processes_holding(&site.owner_lock()).into_iter().filter_map(ProcessId::directory);
    works_in.chain(data_dirs(site)).find_map(|data| {
        let (process, port) = named_in(&data)?;
        let cluster = RunningCluster::attach(process, port, site.sockets(), &data);
        Some(Found { cluster, is_durable: data != throwaway })
    })
}

/// The data directories of an environment that are in it.
fn data_dirs(site: &Site) -> Vec<PathBuf> {
    let volumes = fs::read_dir(site.volumes()).into_iter().flatten().flatten();
    let durable = volumes.map(|volume| volume.path().join("data"));
    std::iter::once(site.data(&Storage::Throwaway)).chain(durable).collect()
}

/// The process and port in a data directory's `postmaster.pid`, if that process is the one that wrote it: a server
/// works in its data directory, and no other process has a reason to.
fn named_in(data: &Path) -> Option<(ProcessId, u16)> {
    let text = backlot_files::text(&data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let process = ProcessId::of(lines.next()?.trim().parse().ok()?)?;
    let port = lines.nth(2)?.trim().parse().ok()?;
    process.works_in(data).then_some((process, port))
}
