//! What the main loop hears.

use std::net::SocketAddr;
use std::time::Duration;

use backlot_plan::supervise::{Epoch, Exit, ReplicaId};
use backlot_process::ProcessId;

use crate::outbox::Outbox;
use crate::protocol::Request;

/// Something that a thread tells the main loop.
#[derive(Debug)]
pub(crate) enum Input {
    /// A process has ended, and all that it has printed is in its log.
    Exited { replica: ReplicaId, exit: Exit },
    /// A database server runs, or does not.
    DatabaseStarted { replica: ReplicaId, outcome: Result<ProcessId, String> },
    /// A replica listens at these addresses, in the order of its service's ports, as far as it does.
    Listens { replica: ReplicaId, addresses: Vec<Option<SocketAddr>> },
    /// A replica has listened nowhere for so long that nobody need wait for it.
    Quiet { replica: ReplicaId, waited: Duration },
    /// A replica listens where nobody looks for it.
    ListensElsewhere { replica: ReplicaId, address: SocketAddr },
    /// A replica is a container, of which this is the first process.
    Inside { replica: ReplicaId, pid: i32 },
    /// A replica's container was not there after so long.
    NotBegun { replica: ReplicaId, waited: Duration },
    /// A health check was answered.
    Health { replica: ReplicaId, epoch: Epoch, answer: Result<(), String> },
    /// What runs beside a replica has ended, for its process with this number.
    Hooked { replica: ReplicaId, pid: i32, when: When, outcome: Result<(), String> },
    /// The gateway has no more requests at a replica.
    Drained { replica: ReplicaId },
    /// Somebody wants something.
    Request { connection: ConnectionId, request: Request, reply: Outbox },
    /// The other end of a connection is closed.
    HungUp { connection: ConnectionId },
    /// We were sent a signal that asks to end.
    AskedToEnd,
}

/// A connection at the control socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// When hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// After the start.
    PostStart,
    /// Before the end.
    PreStop,
}

impl When {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
        }
    }
}
