//! What an environment consists of: services and volumes, as its Compose files resolve.

mod apart;
mod develop;
mod extension;
mod extract;
mod given;
mod moving;
mod network;
mod nodes;
mod parts;
mod service;
mod shared;
mod taken;
mod throwaway;

use backlot_plan::PostgresWish;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::keys::{RunBy, Unhonoured};
use crate::secret::mask;

pub use develop::{Hook, WatchAction, WatchRule};
pub use extension::{ExtensionKey, Form, SERVICE_KEYS, STACK_KEYS};
pub(crate) use extract::extract;
pub(crate) use moving::{HERE, instead, led};
pub use moving::{Move, Moved};
pub use network::{ExtraHost, Joined, Link, Network, NetworkMode};
pub use service::{
    Build, FileGrant, HealthTest, Healthcheck, Image, Mount, MountKind, Port, PortRange, Protocol, Service,
    ServiceExtension,
};

/// An environment's services, resolved. Its `Debug` leaves out what may hold secrets.
#[derive(Clone)]
pub struct Stack {
    /// The name that Compose knows the stack by (`-p`).
    pub name: String,
    /// The directory that relative paths in the Compose files are taken from.
    pub working_dir: PathBuf,
    /// The services that the active profiles leave, by name.
    pub services: BTreeMap<String, Service>,
    /// Which of these are there only because one of them is asked for by name: their profiles are off.
    pub on_call: BTreeSet<String>,
    /// The services that the profiles leave out.
    pub off: BTreeSet<String>,
    /// The networks that services use.
    pub networks: BTreeMap<String, Network>,
    /// The named volumes that services use.
    pub volumes: BTreeMap<String, Volume>,
    /// The secrets that services use.
    pub secrets: BTreeMap<String, FileSource>,
    /// The configs that services use.
    pub configs: BTreeMap<String, FileSource>,
    /// Whether its environment is thrown away, with all that its databases hold.
    pub throwaway: bool,
    /// `x-backlot` at the top level.
    pub extension: StackExtension,
    /// The keys that a process would not honour, those that a Postgres server would not, and those that a container would not.
    unhonoured: [Vec<Unhonoured>; 3],
    /// The values of those variables that secrets, configs and services take from the environment, by name.
    given: BTreeMap<String, String>,
    resolved: Json,
}

impl Stack {
    /// The whole model, as `docker compose config --format json` prints it.
    pub fn resolved(&self) -> &Json {
        &self.resolved
    }

    /// The keys of these services, and of the whole stack, that the native engine does not honour; `kind` says what a
    /// service is there.
    pub fn unhonoured<'s>(
        &'s self,
        services: &'s BTreeSet<String>,
        kind: &'s dyn Fn(&str) -> RunBy,
    ) -> impl Iterator<Item = &'s Unhonoured> {
        let all = [RunBy::Program, RunBy::Server, RunBy::Container].into_iter().zip(&self.unhonoured);
        all.flat_map(move |(own, named)| {
            let of = move |named: &&Unhonoured| match &named.service {
                Some(service) => services.contains(service) && kind(service) == own,
                None => own == RunBy::Program,
            };
            named.iter().filter(of)
        })
    }

    /// The whole model with secrets masked, for showing: values whose key tells that they are secret, and passwords in
    /// URLs wherever they stand.
    pub fn resolved_masked(&self) -> Json {
        masked("", &self.resolved)
    }

    /// The services named, with all that they depend on; none named means all that are not on call.
    pub fn with_dependencies(&self, names: &[String]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut next: Vec<&String> = if names.is_empty() {
            self.services.keys().filter(|name| !self.on_call.contains(*name)).collect()
        } else {
            names.iter().collect()
        };
        while let Some(name) = next.pop() {
            if let Some(service) = self.services.get(name)
                && found.insert(name.clone())
            {
                next.extend(service.depends_on.keys());
            }
        }
        found
    }

    /// The stack without these services: those that depend on them run without them.
    #[must_use]
    pub fn without(mut self, names: &[String]) -> Self {
        self.services.retain(|name, _| !names.contains(name));
        for service in self.services.values_mut() {
            service.depends_on.retain(|name, _| !names.contains(name));
        }
        self
    }

    /// The stack for an environment that is thrown away: its services keep nothing and claim nothing on the host. Named
    /// volumes are dropped, host ports are left to chance, and the names of containers are left to Compose: within the stack those
    /// that the file gives lead to its services all the same.
    #[must_use]
    pub fn into_throwaway(mut self) -> Self {
        throwaway::make_throwaway(&mut self);
        self
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stack = f.debug_struct("Stack");
        stack.field("name", &self.name).field("services", &self.services).finish_non_exhaustive()
    }
}

fn masked(key: &str, value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(mask(key, text).into_owned()),
        Json::Array(items) => Json::Array(items.iter().map(|item| masked("", item)).collect()),
        Json::Object(object) => {
            Json::Object(object.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
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
    /// What the driver is told.
    pub options: BTreeMap<String, String>,
}

/// Where a secret's or config's content comes from.
#[derive(Clone, PartialEq, Eq)]
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

/// Without the content, which may be a secret.
impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
            Self::Content(_) => f.debug_tuple("Content").finish_non_exhaustive(),
            Self::External(name) => f.debug_tuple("External").field(name).finish(),
        }
    }
}

/// `x-backlot` at the top level of a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackExtension {
    /// The command that `backlot test` runs.
    pub test: Option<Vec<String>>,
    /// The command that brings the database's schema to what the code expects.
    pub migrate: Option<Vec<String>>,
    /// The folder of the Postgres binaries, absolute.
    pub bin: Option<PathBuf>,
    /// The version of PostgreSQL that is asked for on purpose, whatever its image is (`postgres`).
    pub postgres: Option<PostgresWish>,
    /// Whether scenarios are filled by their files every time (`snapshot: false`).
    pub always_fills: bool,
}
