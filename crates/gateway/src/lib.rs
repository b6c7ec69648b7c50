//! The balancer behind an endpoint.
//!
//! An [`Endpoint`] is a listener that lives as long as its environment, while the replicas behind it come and go. It
//! gives each request (or, where it is not HTTP that is spoken, each connection) to the ready replica with the fewest in flight. A replica
//! is drained by that count and never by waiting a while: [`Endpoint::drain`] resolves when the last response has been
//! read from it to its end.
//!
//! What is sent twice, and what never is:
//! - A request of which no byte was sent is given to another replica, whatever it is.
//! - A request that may be repeated (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) and of whose body nothing was sent is
//!   repeated when the replica dies before its answer is whole (bodies of at most 64 KiB) or begun (longer ones).
//! - Anything else that was sent is never sent again. A replica may close a pooled connection at the very moment of use, so
//!   such requests use one only where nothing speaks for that: it was used within half a second, is open as they are sent,
//!   and its replica was seen to leave connections open, and never to close one early.
//!
//! The crate knows nothing of projects, processes or Postgres. It speaks HTTP/1.0 and 1.1 without TLS.

mod access;
mod balancing;
mod config;
mod endpoint;
mod error;
mod gateway;
mod habits;
mod http;
mod latch;
mod messages;
mod serving;
mod shared;
mod wire;
mod workers;

pub use access::{AccessLine, AccessLog};
pub use balancing::replica::{ReplicaId, ReplicaStatus};
pub use balancing::state::ReplicaState;
pub use config::{EndpointConfig, Kind, Limits, Peers, Trust};
pub use endpoint::{Drained, Endpoint};
pub use error::GatewayError;
pub use gateway::Gateway;
#[doc(hidden)]
pub use messages::feed::feed;
pub use serving::accept::Stopped;
