//! One thing to do.

use std::fmt;

use crate::desired::{Port, Storage};

/// One step of a plan. Each can be repeated: doing it again after it was cut short is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Stop the services beside the database, and their supervisor.
    StopServices,
    /// Stop the server that holds the environment's lock.
    StopServer,
    /// Remove the environment's files; volumes stay.
    RemoveFiles,
    /// Remove the environment's volumes: its durable data.
    RemoveVolumes,
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
    /// Start the containers of these services, and those that they depend on; a database answers then.
    StartContainers {
        /// The services.
        services: Vec<String>,
    },
    /// Remove the environment's containers and networks; volumes stay.
    RemoveContainers,
    /// Create a database on a server that runs, unless it is there.
    CreateDatabase {
        /// Its name.
        database: String,
    },
    /// Run what fills the database.
    Fill {
        /// What it is, as people know it.
        source: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopServices => write!(f, "stop the services"),
            Self::StopServer => write!(f, "stop the server"),
            Self::RemoveFiles => write!(f, "remove the environment's files"),
            Self::RemoveVolumes => write!(f, "remove the environment's volumes"),
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
            Self::StartContainers { services } => {
                write!(f, "start the containers of {}", services.join(", "))
            }
            Self::RemoveContainers => write!(f, "remove the containers"),
            Self::CreateDatabase { database } => write!(f, "create the database {database}"),
            Self::Fill { source } => write!(f, "run {source}"),
        }
    }
}
