//! What an environment consists of: services and volumes, as its Compose files resolve.

mod extension;
mod extract;
mod parts;
mod service;
mod throwaway;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub(crate) use extract::extract;
pub use service::{
    Build, Condition, Dependency, FileGrant, HealthTest, Healthcheck, Image, Mount, MountKind, Port,
    PortRange, Protocol, RestartPolicy, Service, ServiceExtension,
};

/// An environment's services, resolved.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The name that Compose knows the stack by (`-p`).
    pub name: String,
    /// The directory that relative paths in the Compose files are taken from.
    pub working_dir: PathBuf,
    /// The services that the active profiles leave, by name.
    pub services: BTreeMap<String, Service>,
    /// The named volumes that services use.
    pub volumes: BTreeMap<String, Volume>,
    /// The secrets that services use.
    pub secrets: BTreeMap<String, FileSource>,
    /// The configs that services use.
    pub configs: BTreeMap<String, FileSource>,
    /// `x-backlot` at the top level.
    pub extension: StackExtension,
    resolved: serde_json::Value,
}

impl Stack {
    /// The whole model, as `docker compose config --format json` prints it.
    pub fn resolved(&self) -> &serde_json::Value {
        &self.resolved
    }

    /// The stack for an environment that is thrown away: its services keep nothing and claim nothing on the host. Named
    /// volumes are dropped, host ports are left to chance, and container names are left to Compose.
    #[must_use]
    pub fn into_throwaway(mut self) -> Self {
        throwaway::make_throwaway(&mut self);
        self
    }
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The volume's name on the Docker host.
    pub name: String,
    /// Whether something else made it.
    pub external: bool,
    /// The driver, when one is named.
    pub driver: Option<String>,
}

/// Where a secret's or config's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// A file, absolute.
    File(PathBuf),
    /// A variable of the caller's environment.
    Environment(String),
    /// The content itself.
    Content(String),
    /// Something else made it, under this name.
    External(String),
}

/// `x-backlot` at the top level of a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackExtension {
    /// The command that `backlot test` runs.
    pub test: Option<Vec<String>>,
    /// The folder of the Postgres binaries, absolute.
    pub bin: Option<PathBuf>,
}
