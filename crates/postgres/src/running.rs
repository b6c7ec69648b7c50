//! A server that answers.

use std::path::PathBuf;
use std::time::Duration;

use backlot_process::{ProcessId, Signal};
use secrecy::SecretString;

use crate::access::Access;
use crate::ready::{says, until_settled};
use crate::recovery::is_recovering;
use crate::remains;

/// The signals that mean this to Postgres.
pub(crate) const FAST: Signal = Signal::SIGINT;
pub(crate) const IMMEDIATE: Signal = Signal::SIGQUIT;

/// How long is waited after each harder step. Postgres itself gives its processes 5 s to end at once, then kills them.
const PATIENCE: Duration = Duration::from_secs(8);

/// A server that has answered. Dropping the value leaves it running.
#[derive(Debug, Clone)]
pub struct RunningCluster {
    /// The postmaster.
    pub process: ProcessId,
    /// Its TCP port on 127.0.0.1, which is also the number of its socket.
    pub port: u16,
    /// The private directory of its socket.
    pub socket_dir: PathBuf,
    /// Its data directory.
    pub data_dir: PathBuf,
}

/// How a server is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends all connections and writes a checkpoint.
    Fast,
    /// Ends at once, without writing anything: for ephemeral clusters, or where the next start may recover.
    Immediate,
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It was gone before.
    AlreadyGone,
    /// It did as it was asked.
    AsAsked,
    /// It had to be stopped harder than asked; a durable cluster will recover at its next start.
    Forced,
}

/// Why a server still runs. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The system did not let us signal it.
    #[error("stop Postgres (process {pid})")]
    Signal {
        /// Its process number.
        pid: i32,
        /// What the system said.
        source: std::io::Error,
    },
    /// It survived even SIGKILL for a while.
    #[error("stop Postgres (process {pid}) within {} s", waited.as_secs_f64())]
    StillRunning {
        /// Its process number.
        pid: i32,
        /// How long was waited.
        waited: Duration,
    },
}

impl RunningCluster {
    /// A cluster that was started earlier, from its record.
    pub fn attach(
        process: ProcessId,
        port: u16,
        socket_dir: impl Into<PathBuf>,
        data_dir: impl Into<PathBuf>,
    ) -> Self {
        Self { process, port, socket_dir: socket_dir.into(), data_dir: data_dir.into() }
    }

    /// Whether the server still runs.
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// How a database is reached by everyone: TCP on 127.0.0.1.
    pub fn tcp(&self, user: &str, password: &SecretString, database: &str) -> Access {
        self.access("127.0.0.1".to_owned(), user, password, database)
    }

    /// How a database is reached by this account and root: the private socket.
    pub fn socket(&self, user: &str, password: &SecretString, database: &str) -> Access {
        self.access(self.socket_dir.to_string_lossy().into_owned(), user, password, database)
    }

    fn access(&self, host: String, user: &str, password: &SecretString, database: &str) -> Access {
        let (user, database) = (user.to_owned(), database.to_owned());
        Access { host, port: self.port, user, password: password.clone(), database }
    }

    /// Whether somebody has asked it to stop. It lets nobody in any more, however long it takes to end.
    pub fn is_stopping(&self) -> bool {
        says(&self.data_dir, self.process.pid, "stopping") && self.process.is_alive()
    }

    /// Waits while it lets nobody in, for no longer than `limit`: see it answer, or end.
    pub fn wait_until_settled(&self, access: &Access, limit: Duration) {
        until_settled(self.process, access, limit);
    }

    /// Stops the server and waits until it is gone. What is not done within `limit` is done harder: immediate after fast,
    /// then SIGKILL, each with a few more seconds. One that recovers from a crash is stopped at once, see [`is_recovering`]. Then nothing of it is left but its data and its log.
    pub fn stop(&self, mode: StopMode, limit: Duration) -> Result<Stopped, StopError> {
        let steps: &[(Signal, Duration)] = match mode {
            StopMode::Fast if is_recovering(self.process) => {
                &[(IMMEDIATE, limit), (Signal::SIGKILL, PATIENCE)]
            }
            StopMode::Fast => &[(FAST, limit), (IMMEDIATE, PATIENCE), (Signal::SIGKILL, PATIENCE)],
            StopMode::Immediate => &[(IMMEDIATE, limit), (Signal::SIGKILL, PATIENCE)],
        };
        let mut stopped = Stopped::AlreadyGone;
        for (number, &(signal, limit)) in steps.iter().enumerate() {
            if !self.signal(signal)? {
                break;
            }
            stopped = if number == 0 { Stopped::AsAsked } else { Stopped::Forced };
            if self.process.wait_gone(limit) {
                break;
            }
        }
        if self.process.is_alive() {
            let waited = steps.iter().map(|(_, limit)| *limit).sum();
            return Err(StopError::StillRunning { pid: self.process.pid, waited });
        }
        self.process.reap();
        remains::remove(&self.data_dir, &self.socket_dir, self.port);
        Ok(stopped)
    }

    fn signal(&self, signal: Signal) -> Result<bool, StopError> {
        let sent = self.process.signal(signal);
        if matches!(sent, Ok(true)) {
            // One that somebody has halted hears nothing before it goes on.
            let _ = self.process.signal(Signal::SIGCONT);
        }
        sent.map_err(|source| StopError::Signal { pid: self.process.pid, source })
    }
}
