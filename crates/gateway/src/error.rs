//! What the gateway's own operations fail with. (What a client is told is in `http/answer.rs`.)

use std::io;

use crate::balancing::replica::ReplicaId;

/// Why an operation on a gateway or an endpoint was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The listener that was handed over cannot be used.
    #[error("use the listener of endpoint {endpoint}")]
    Listener {
        /// The endpoint's name.
        endpoint: String,
        /// What the system says.
        source: io::Error,
    },
    /// The gateway's threads cannot be started.
    #[error("start {threads} threads for the gateway")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system says.
        source: io::Error,
    },
    /// An endpoint of this name is open.
    #[error("open endpoint {endpoint}: there is one of that name")]
    DuplicateEndpoint {
        /// The endpoint's name.
        endpoint: String,
    },
    /// A replica of this name is there, perhaps still draining.
    #[error("add replica {replica} to endpoint {endpoint}: there is one of that name")]
    DuplicateReplica {
        /// The endpoint's name.
        endpoint: String,
        /// The replica's name.
        replica: ReplicaId,
    },
    /// No replica of this name is there.
    #[error("find replica {replica} of endpoint {endpoint}")]
    UnknownReplica {
        /// The endpoint's name.
        endpoint: String,
        /// The replica's name.
        replica: ReplicaId,
    },
    /// The gateway or endpoint was shut down.
    #[error("use endpoint {endpoint}: it was shut down")]
    Closed {
        /// The endpoint's name.
        endpoint: String,
    },
}
