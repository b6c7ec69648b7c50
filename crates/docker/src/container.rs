//! The containers of a Compose project, as `docker inspect` has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use backlot_plan::Endpoint;

use crate::client::Client;
use crate::error::DockerError;
use crate::inspected::parse;

const PROJECT: &str = "com.docker.compose.project";

/// A container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    /// Its id, in full.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Its service.
    pub(super) service: String,
    /// Its number among the service's replicas.
    pub(super) number: u32,
    /// Whether it was made by `compose run`.
    pub(super) one_off: bool,
    /// Its image, by id.
    pub(super) image: String,
    /// What it is made of, by Compose's own hash.
    pub(super) config_hash: Option<String>,
    /// The directory of the project that it belongs to.
    pub(super) working_dir: Option<PathBuf>,
    /// Where it is in its life.
    pub(super) life: Life,
    /// What its health check says, if it has one.
    pub(super) health: Option<Checked>,
    /// How often Docker has started it again.
    pub(super) restarts: u32,
    /// Whether Docker starts it again when it ends.
    pub(super) restarted: bool,
    /// When it was started, in milliseconds since 1970.
    pub(super) started: Option<u64>,
    /// Its first process, while it runs, as the daemon's machine numbers it.
    pub(super) pid: Option<i32>,
    /// Its addresses in its networks.
    pub(super) addresses: Vec<String>,
    /// Its TCP ports.
    pub(super) ports: BTreeSet<u16>,
    /// Where those are published: port to address on the host.
    pub(super) published: BTreeMap<u16, Endpoint>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Made, and not started yet.
    Created,
    /// Running.
    Running,
    /// Ended, and started again in a moment.
    Restarting {
        /// The exit code of the last time.
        code: i64,
    },
    /// Ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// Whether it was killed for the memory that it took.
        out_of_memory: bool,
    },
    /// Frozen (`docker pause`).
    Paused,
    /// Being removed, or could not be.
    Removing,
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    /// The word for it: `starting`, `healthy`, `unhealthy`.
    pub(super) status: String,
    /// What the last check printed.
    pub(super) last_output: Option<String>,
}

impl Client {
    /// The containers of a Compose project, by service and number.
    pub(super) fn containers(&self, project: &str) -> Result<Vec<Container>, DockerError> {
        let filter = format!("label={PROJECT}={project}");
        let listed = self.ask(["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
        let ids: Vec<String> =
            String::from_utf8_lossy(&listed.stdout).split_whitespace().map(str::to_owned).collect();
        if let Some(id) = ids.iter().find(|id| !id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return Err(garbage("docker ps", "list of containers", id));
        }
        self.inspect(&ids)
    }

    /// What is known of these containers; those that have gone meanwhile are left out.
    pub(super) fn inspect(&self, ids: &[String]) -> Result<Vec<Container>, DockerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let arguments = ["inspect", "--type", "container"].map(str::to_owned);
        let program = self.docker(arguments.into_iter().chain(ids.iter().cloned()));
        // One that is not there any more is a complaint; the others are printed all the same.
        let output = program.output(super::client::ANSWER_LIMIT).map_err(DockerError::Process)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let gone = String::from_utf8_lossy(&output.stderr).to_lowercase().contains("no such ");
        if !output.status.success() && !gone {
            return Err(DockerError::of(&program, &output));
        }
        let mut containers = parse(&text)?;
        containers.sort_by(|a, b| (&a.service, a.number).cmp(&(&b.service, b.number)));
        Ok(containers)
    }
}

pub(super) fn garbage(program: &str, expected: &'static str, text: &str) -> DockerError {
    DockerError::Garbage { program: program.to_owned(), expected, begin: text.chars().take(60).collect() }
}
