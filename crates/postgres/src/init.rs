//! The scripts that fill a new cluster, as the official image runs them.

mod files;
mod run;
mod seen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use backlot_process::{Owner, ProcessError, describe_exit};

use crate::connection::DatabaseError;
use crate::locate::Installation;
use crate::running::{StopError, StopMode};
use crate::spec::ClusterSpec;
use crate::storage::{StorageError, make_private, remove_tree};

pub use run::{Syncing, start_aside};

/// Where the official image has them.
pub const INIT_DIR: &str = "/docker-entrypoint-initdb.d";
/// How long the server may take to start or stop.
const LIMIT: Duration = Duration::from_mins(2);

/// A script, or a folder or file beside the scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name in the folder.
    pub name: String,
    /// What it is.
    pub content: ScriptContent,
}

/// What a [`Script`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptContent {
    /// A file or folder of this machine.
    Path(PathBuf),
    /// A text, which is no program.
    Text(String),
}

/// What the container has at which of its paths, where it is given a view of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Where it has the cluster's data.
    pub data: PathBuf,
    /// Files and folders of this machine that are mounted into it: its path, and ours.
    pub mounts: Vec<(PathBuf, PathBuf)>,
}

/// What fills a new cluster.
#[derive(Debug, Clone)]
pub struct Init {
    /// What scripts see at paths of the container.
    pub places: Places,
    /// The scripts, in their order.
    pub scripts: Vec<Script>,
    /// The variables that they see, beside those of this crate: where the server is, and its programs.
    pub variables: BTreeMap<String, String>,
    /// What else has filled it when they are done, as a hash of that; empty where nothing does.
    pub then: String,
}

/// Where the scripts of a cluster are run.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// A folder to be made, for copies of the scripts; it is gone afterwards.
    pub scratch: PathBuf,
    /// The private directory of the server's socket, likewise.
    pub socket_dir: PathBuf,
    /// The log that they and the server print to.
    pub log_file: PathBuf,
    /// Whom all of them run as.
    pub owner: Owner,
}

/// Whoever waits for scripts, which may take long.
pub trait Onlooker {
    /// What is done next: `running /docker-entrypoint-initdb.d/01.sql`.
    fn said(&mut self, line: &str);

    /// Whether it is to go on.
    fn goes_on(&mut self) -> bool;
}

/// Why a cluster could not be filled. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file or directory could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The server for the scripts does not start.
    #[error("start the server for the scripts of {INIT_DIR}: {reason}")]
    Server {
        /// What is known of it.
        reason: String,
    },
    /// A script ended with an error.
    #[error("run {INIT_DIR}/{script}: it ended with {}{}", describe_exit(*status), quoted(last_lines))]
    Script {
        /// Its name.
        script: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that were printed.
        last_lines: Vec<String>,
    },
    /// There is no shell.
    #[error("run the scripts of {INIT_DIR}: there is no bash on PATH")]
    NoShell,
    /// A program could not be run at all.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A database could not be made after the scripts.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The server does not stop.
    #[error("stop the server of the scripts of {INIT_DIR}")]
    Stop(#[source] StopError),
}

fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!("; the last lines that were printed:\n{}", lines.join("\n"))
    }
}

impl Init {
    /// Fills the cluster in `data_dir`, whose server does not run and does not run afterwards. Databases of `spec` that
    /// are not there in the end are made.
    ///
    /// # Errors
    /// [`InitError`]; what is in `data_dir` is then of no use any more.
    pub fn run(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        data_dir: &Path,
        workshop: &Workshop,
        onlooker: &mut dyn Onlooker,
    ) -> Result<(), InitError> {
        let Workshop { scratch, socket_dir, owner, .. } = workshop;
        for dir in [scratch, socket_dir] {
            remove_tree(dir)?;
            make_private(dir, owner)?;
        }
        let done = self.run_in(installation, spec, data_dir, workshop, onlooker);
        for dir in [scratch, socket_dir] {
            let removed = remove_tree(dir);
            if done.is_ok() {
                removed?;
            }
        }
        done
    }

    fn run_in(
        &self,
        installation: &Installation,
        spec: &ClusterSpec,
        data_dir: &Path,
        workshop: &Workshop,
        onlooker: &mut dyn Onlooker,
    ) -> Result<(), InitError> {
        let scripts = self.copy(workshop)?;
        let view = self.view(data_dir, workshop);
        let (server, access) =
            run::start_within(installation, spec, data_dir, workshop, (Syncing::Off, view.as_ref()))?;
        let filled =
            self.fill(installation, &access, (&scripts, data_dir), (workshop, view.as_ref()), onlooker);
        let filled = filled.and_then(|()| run::make_missing(spec, &access));
        let mode = if filled.is_ok() { StopMode::Fast } else { StopMode::Immediate };
        let stopped = server.stop(mode, LIMIT).map_err(InitError::Stop);
        filled?;
        stopped?;
        Ok(())
    }
}
