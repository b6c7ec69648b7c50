//! One replica: its name, address, and what the gateway has open to it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backlot_sockets::{ConnectError, ReplicaStream, Sockets};

use crate::balancing::in_flight::Count;
use crate::balancing::pool::Pool;
use crate::balancing::state::ReplicaState;
use crate::latch::Latch;

/// The caller's name for a replica, such as `web.1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaId(Arc<str>);

impl ReplicaId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ReplicaId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for ReplicaId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a replica is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Its name.
    pub id: ReplicaId,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Requests (or TCP connections) that it has not finished.
    pub in_flight: usize,
    /// Whether it is given more.
    pub state: ReplicaState,
}

/// One replica. Whether it is given work is known to the rotation alone.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    pub(crate) addr: SocketAddr,
    pub(crate) in_flight: Count,
    /// Connections at rest.
    pub(crate) pool: Pool,
    /// Every open connection, to cut them all.
    pub(crate) sockets: Arc<Sockets>,
    /// It is given nothing more, and what is not busy with it should look for another.
    pub(crate) leaving: Latch,
}

impl Replica {
    pub(crate) fn new(id: ReplicaId, addr: SocketAddr, workers: usize) -> Self {
        Self {
            id,
            addr,
            in_flight: Count::default(),
            pool: Pool::new(workers),
            sockets: Arc::default(),
            leaving: Latch::default(),
        }
    }

    /// Opens a connection to it.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<ReplicaStream, ConnectError> {
        ReplicaStream::connect(self.addr, &self.sockets, limit).await
    }
}
