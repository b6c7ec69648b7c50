//! One thing to do on the native engine.

use std::fmt;

use crate::desired::{Port, Storage};
use crate::services::ServiceStep;

/// A step as people are told of it: what it does (`Display`), and the word that stands before what came of it.
pub trait Told: fmt::Display {
    /// `started`, `removed`, `cluster`.
    fn heading(&self) -> &'static str;
}

/// One step of a plan. Each can be repeated: doing it again after it was cut short is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Install packages where they are missing.
    Install {
        /// The services that need them.
        services: Vec<String>,
        /// What is installed: the lines of their Dockerfiles.
        said: String,
    },
    /// Build something of the project's files where that is not done.
    Build {
        /// The services that need it.
        services: Vec<String>,
        /// What builds it: the lines of their Dockerfiles.
        said: String,
    },
    /// Take something away.
    Remove(Removal),
    /// Fetch programs that are not here.
    Fetch {
        /// What and how: `fetch PostgreSQL 16 with npm`.
        what: String,
    },
    /// Clone a cluster from the template, which is made first if need be.
    MakeCluster {
        /// Where it goes.
        storage: Storage,
        /// The databases that it holds from the start.
        databases: Vec<String>,
    },
    /// Start the server and wait until it answers.
    StartServer {
        /// The Compose service that it is.
        service: String,
        /// Where it listens.
        port: Port,
    },
    /// Bring the database's schema to what the code expects.
    Migrate {
        /// By what, as people know it.
        what: String,
    },
    /// Run what fills the database.
    Fill {
        /// What it is, as people know it.
        source: String,
    },
    /// Take what that has filled before.
    Refill {
        /// What it is, as people know it.
        source: String,
    },
    /// Do something with services beside the database.
    Service(ServiceStep),
}

/// A step that takes something away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Stop the services beside the database, and their supervisor.
    StopServices,
    /// Stop the server that holds the environment's lock.
    StopServer,
    /// Remove the environment's files; volumes stay.
    Files,
    /// Remove the environment's volumes: its durable data.
    Volumes,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { services, said } => {
                let need = if services.len() == 1 { "needs" } else { "need" };
                write!(f, "install what {} {need}: {said}", services.join(", "))
            }
            Self::Build { services, said } => write!(f, "build for {}: {said}", services.join(", ")),
            Self::Remove(removal) => removal.fmt(f),
            Self::Fetch { what } => f.write_str(what),
            Self::MakeCluster { storage, databases } => {
                match storage {
                    Storage::Throwaway => write!(f, "clone a throw-away cluster")?,
                    Storage::Durable { volume, .. } => write!(f, "clone a durable cluster into {volume}")?,
                }
                write!(f, " with {}", databases.join(", "))
            }
            Self::StartServer { service, port } => match port {
                Port::Exact(port) => write!(f, "start {service} on 127.0.0.1:{port}"),
                Port::Free => write!(f, "start {service} on a free port of 127.0.0.1"),
            },
            Self::Migrate { what } => write!(f, "migrate: {what}"),
            Self::Fill { source } => write!(f, "run {source}"),
            Self::Refill { source } => write!(f, "take what {source} has filled before, without running it"),
            Self::Service(step) => step.fmt(f),
        }
    }
}

impl Told for Step {
    fn heading(&self) -> &'static str {
        match self {
            Self::Install { .. } => "packages",
            Self::Build { .. } => "built",
            Self::Remove(removal) => removal.heading(),
            Self::Fetch { .. } => "fetched",
            Self::MakeCluster { .. } => "cluster",
            Self::StartServer { .. } => "server",
            Self::Migrate { .. } => "migrated",
            Self::Fill { .. } | Self::Refill { .. } => "scenario",
            Self::Service(_) => "services",
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StopServices => "stop the services",
            Self::StopServer => "stop the server",
            Self::Files => "remove the environment's files",
            Self::Volumes => "remove the environment's volumes",
        })
    }
}

impl Told for Removal {
    fn heading(&self) -> &'static str {
        match self {
            Self::StopServices | Self::StopServer => "stopped",
            Self::Files | Self::Volumes => "removed",
        }
    }
}
