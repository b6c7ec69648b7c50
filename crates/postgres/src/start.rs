//! Starting a server.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use backlot_process::{
    Child, Group, Owner, OwnerError, PortHolder, ProcessError, Program, SpawnOptions, Stream, describe_exit,
    port_holder,
};

use tokio_postgres::error::SqlState;

use crate::access::Access;
use crate::connection::{Connection, DatabaseError};
use crate::locate::Installation;
use crate::log::{Log, tells_full_disk};
use crate::place::Place;
use crate::port::{self, PortWish};
use crate::ready::{Outcome, until_ready};
use crate::running::{self, RunningCluster, StopMode};
use crate::spec::{ClusterSpec, Durability};
use crate::storage::StorageError;
use crate::{remains, settings};

/// How long a server that did not come up is given to end by itself.
const STOPPING: Duration = Duration::from_secs(6);

/// A server that is about to start.
#[derive(Debug)]
pub struct ClusterStarter {
    /// The programs.
    pub installation: Installation,
    /// Where it is; the data directory must be there.
    pub place: Place,
    /// How it is set, and the name and password that it is tried with.
    pub spec: ClusterSpec,
    /// Whom it runs as.
    pub owner: Owner,
    /// The port on 127.0.0.1.
    pub port: PortWish,
    /// The locked file that says whose the cluster is. All processes of the server inherit it, so it stays locked (`flock`)
    /// until the last of them is gone.
    pub owner_lock: File,
    /// Whether the server stops at once when the **thread** that starts it ends (Linux only).
    pub dies_with_parent: bool,
    /// How long it may take until it answers; with a durable cluster this includes the recovery from a crash.
    pub limit: Duration,
}

/// Why a server did not come up; nothing of it is left then. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The account that Postgres runs as cannot get there.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A file or directory could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The socket's path does not fit into what the system can bind.
    #[error("make a socket in {}: with the socket's name that is {length} bytes, {limit} are possible", dir.display())]
    SocketPathTooLong {
        /// The socket directory.
        dir: PathBuf,
        /// Bytes that the longest socket name in it would have.
        length: usize,
        /// Bytes that are possible.
        limit: usize,
    },
    /// There is no cluster.
    #[error("start Postgres in {}: that is no data directory", data_dir.display())]
    NotACluster {
        /// Where it should be.
        data_dir: PathBuf,
    },
    /// The cluster was made by another major version.
    #[error("start Postgres {installed} in {}: its data was made by Postgres {data}", data_dir.display())]
    WrongVersion {
        /// The data directory.
        data_dir: PathBuf,
        /// The major version that made it, as it is written there.
        data: String,
        /// The major version at hand.
        installed: u32,
    },
    /// The data belongs to another account than the server's.
    #[error("start Postgres in {}: it belongs to the account {uid}, and Postgres runs as {wanted} here", data_dir.display())]
    ForeignData {
        /// The data directory.
        data_dir: PathBuf,
        /// The number of the account that it belongs to.
        uid: u32,
        /// The number of the account that the server runs as.
        wanted: u32,
    },
    /// Another server runs in the data directory.
    #[error("start Postgres in {}: process {pid} already runs there", data_dir.display())]
    AlreadyRunning {
        /// The data directory.
        data_dir: PathBuf,
        /// The server's process number.
        pid: i32,
    },
    /// The only port that would do is taken.
    #[error("listen on port {port}: it is in use{}", by(holder.as_ref()))]
    PortInUse {
        /// The port.
        port: u16,
        /// By whom, if that can be found out.
        holder: Option<PortHolder>,
    },
    /// Every port that was tried is taken.
    #[error("find a free port: {tried} were tried from {first} on, all are in use")]
    NoFreePort {
        /// The first one.
        first: u16,
        /// How many were tried.
        tried: usize,
    },
    /// The program could not be run at all.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended instead of answering.
    #[error("start Postgres: it ended with {}{}", describe_exit(*status), quoted(last_lines))]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log, up to 10.
        last_lines: Vec<String>,
        /// The whole log.
        log_file: PathBuf,
    },
    /// It did not answer within the limit and was stopped.
    #[error("start Postgres within {} s{}: the last try to connect gave: {last_seen}{}", waited.as_secs_f64(),
        if *recovering { " (it was recovering from a crash)" } else { "" }, quoted(last_lines))]
    NotReady {
        /// How long was waited.
        waited: Duration,
        /// What the last try to connect gave.
        last_seen: Box<str>,
        /// Whether it had to recover from a crash first, which may take longer.
        recovering: bool,
        /// The last lines of its log, up to 10.
        last_lines: Vec<String>,
        /// The whole log.
        log_file: Box<Path>,
    },
    /// It runs, but does not let us in: the cluster was made with another name or password. It was stopped.
    #[error("log in to the new server")]
    Rejected(#[source] DatabaseError),
}

impl StartError {
    /// A stable name of the kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "port-in-use",
            Self::ForeignData { .. } => "not-our-data",
            Self::WrongVersion { .. } => "other-major",
            Self::AlreadyRunning { .. } => "data-in-use",
            Self::Owner(_)
            | Self::Storage(_)
            | Self::SocketPathTooLong { .. }
            | Self::NotACluster { .. }
            | Self::NoFreePort { .. }
            | Self::Process(_)
            | Self::Died { .. }
            | Self::NotReady { .. }
            | Self::Rejected(_) => "postgres-start",
        }
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PortInUse { .. } => Some("stop what uses it, or publish another port".into()),
            Self::ForeignData { .. } => Some(
                "mount a folder of its own for Backlot, or give it to that account (then a container cannot use it)".into(),
            ),
            Self::WrongVersion { data, .. } => {
                Some(format!("ask for `image: postgres:{data}`, or mount another folder"))
            }
            Self::AlreadyRunning { .. } => Some("stop that server first".into()),
            Self::Owner(_)
            | Self::Storage(_)
            | Self::SocketPathTooLong { .. }
            | Self::NotACluster { .. }
            | Self::NoFreePort { .. }
            | Self::Process(_)
            | Self::Died { .. }
            | Self::NotReady { .. }
            | Self::Rejected(_) => None,
        }
    }
}

fn by(holder: Option<&PortHolder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!("; the last lines of its log:\n{}", lines.join("\n"))
    }
}

impl ClusterStarter {
    /// Starts the server and returns when a real connection over its private socket has been answered.
    pub fn start(self) -> Result<RunningCluster, StartError> {
        self.place.check(&self.owner, self.installation.version.major)?;
        self.place.make_socket_dir(&self.owner)?;
        let recovering = !self.place.was_stopped_cleanly()?;
        let deadline = Instant::now() + self.limit;
        let ports = self.port.candidates();
        for &port in &ports {
            if port::is_free(port)
                && let Some(cluster) = self.try_port(port, deadline, recovering)?
            {
                return Ok(cluster);
            }
        }
        Err(match self.port {
            PortWish::Exact(port) => StartError::PortInUse { port, holder: port_holder(port) },
            PortWish::Free { .. } => StartError::NoFreePort { first: self.port.first(), tried: ports.len() },
        })
    }

    /// One start; `None` if somebody else was faster at this port.
    fn try_port(
        &self,
        port: u16,
        deadline: Instant,
        recovering: bool,
    ) -> Result<Option<RunningCluster>, StartError> {
        let (log, file) = Log::open(self.place.log_file.clone())?;
        let mut child = self.spawn(port, file)?;
        let Place { data_dir, socket_dir, .. } = &self.place;
        let cluster = RunningCluster::attach(child.id(), port, socket_dir, data_dir);
        let access = cluster.socket(&self.spec.superuser, &self.spec.password, self.spec.first_database());
        let error = match until_ready(&mut child, data_dir, &access, deadline)? {
            Outcome::Ready => match self.wrong_password(&cluster) {
                None => return Ok(Some(cluster)),
                Some(error) => StartError::Rejected(error),
            },
            Outcome::Died(status) => {
                remains::remove(data_dir, socket_dir, port);
                let last_lines = log.last_lines();
                if tells_port_in_use(&last_lines) || !port::is_free(port) {
                    return Ok(None);
                }
                if tells_full_disk(&last_lines) {
                    return Err(StorageError::full(data_dir.clone(), None).into());
                }
                return Err(StartError::Died { status, last_lines, log_file: log.path });
            }
            Outcome::NotYet(last_seen) => {
                let (waited, last_lines) = (self.limit, log.last_lines());
                StartError::NotReady {
                    waited,
                    last_seen: last_seen.into(),
                    recovering,
                    last_lines,
                    log_file: log.path.into(),
                }
            }
            // A `pg_hba.conf` of the project's own may let us in by TCP alone.
            Outcome::Rejected(error) => match Connection::open(&self.by_tcp(&cluster), STOPPING) {
                Ok(_) => return Ok(Some(cluster)),
                Err(_) => StartError::Rejected(error),
            },
        };
        // That it did not come up is what matters; a failure to stop it would hide it.
        let _ = cluster.stop(StopMode::Immediate, STOPPING);
        Err(error)
    }

    /// That kept data was made with another password: who comes to the socket is not asked for one.
    fn wrong_password(&self, cluster: &RunningCluster) -> Option<DatabaseError> {
        match self.spec.durability {
            Durability::Ephemeral => None,
            Durability::Durable => {
                let error = Connection::open(&self.by_tcp(cluster), STOPPING).err()?;
                (error.code() == Some(SqlState::INVALID_PASSWORD.code())).then_some(error)
            }
        }
    }

    fn by_tcp(&self, cluster: &RunningCluster) -> Access {
        cluster.tcp(&self.spec.superuser, &self.spec.password, self.spec.first_database())
    }

    fn spawn(&self, port: u16, log: File) -> Result<Child, StartError> {
        let stdout = log.try_clone().map_err(StorageError::at("open", &self.place.log_file))?;
        let stop = match self.spec.durability {
            Durability::Ephemeral => running::IMMEDIATE,
            Durability::Durable => running::FAST,
        };
        let options = SpawnOptions {
            group: Group::NewSession,
            dies_with_parent: self.dies_with_parent.then_some(stop),
            stdin: Stream::Null,
            stdout: Stream::File(stdout),
            stderr: Stream::File(log),
            inherited: vec![self.owner_lock.as_fd()],
            numbered: Vec::new(),
        };
        Ok(self.program(port).spawn(options)?)
    }

    /// The server as it is run. Extensions may look for programs, and macOS wants a locale to be set.
    fn program(&self, port: u16) -> Program {
        let settings =
            settings::of_server(&self.spec, self.installation.version.major, &self.place.socket_dir, port);
        let settings =
            settings.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        Program::new(self.installation.program("postgres"))
            .arg("-D")
            .arg(&self.place.data_dir)
            .args(settings)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .current_dir(&self.place.data_dir)
            .run_as(&self.owner)
    }
}

fn tells_port_in_use(lines: &[String]) -> bool {
    lines.iter().any(|line| line.contains("Address already in use"))
}
