//! What an endpoint is made of.

use std::fmt;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use crate::access::{AccessLine, AccessLog};

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP/1.0 and 1.1: requests are balanced one by one.
    Http,
    /// Bytes: connections are balanced.
    Tcp,
    /// Whichever of them a client turns out to speak, or its replica, should that speak first.
    Auto,
}

/// Whose `Forwarded`, `X-Forwarded-*` and `X-Real-IP` headers are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Those of peers on this machine: a front such as nginx.
    Loopback,
    /// Nobody's: they are always replaced.
    Nobody,
}

/// How long things may take, and how many there may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Until a replica accepts a connection.
    pub connect_timeout: Duration,
    /// How long a replica may be silent that has the whole request, or takes no more of it, before the response begins.
    pub response_timeout: Duration,
    /// How long a body may stand still: the client's while it is awaited, a replica's while it is awaited, or the client
    /// that does not read. Upgraded and TCP connections may be silent for ever.
    pub stall_timeout: Duration,
    /// How long a client's connection may stay open without a whole request head on it.
    pub idle_timeout: Duration,
    /// How long a request waits when no replica is ready.
    pub queue_wait: Duration,
    /// Clients' connections served at once; more wait in the listener's backlog.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_mins(5),
            idle_timeout: Duration::from_secs(75),
            queue_wait: Duration::from_secs(10),
            max_connections: 4096,
        }
    }
}

/// Says of an address whether it is let in.
pub type Peers = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What [`crate::Gateway::open`] makes an endpoint of.
pub struct EndpointConfig {
    /// What error pages and logs call the endpoint, such as `web:8000`.
    pub name: String,
    /// Bound and listening; the caller may keep a duplicate, so that the port is never lost.
    pub listen: TcpListener,
    /// What is spoken.
    pub kind: Kind,
    /// How long things may take.
    pub limits: Limits,
    /// Whose forwarding headers are believed.
    pub trust: Trust,
    /// Who is let in, where that is not everybody: others are hung up on.
    pub peers: Option<Peers>,
    /// Called once for each request, or TCP connection, when it is over. It must not block.
    pub access_log: Option<AccessLog>,
}

impl EndpointConfig {
    /// An endpoint with the usual limits, that trusts peers on this machine and keeps no log.
    pub fn new(name: impl Into<String>, listen: TcpListener, kind: Kind) -> Self {
        Self {
            name: name.into(),
            listen,
            kind,
            limits: Limits::default(),
            trust: Trust::Loopback,
            peers: None,
            access_log: None,
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same for those peers alone that `peers` knows.
    #[must_use]
    pub fn only(mut self, peers: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.peers = Some(Box::new(peers));
        self
    }

    /// The same with a log.
    #[must_use]
    pub fn access_log(mut self, log: impl Fn(&AccessLine<'_>) + Send + Sync + 'static) -> Self {
        self.access_log = Some(Box::new(log));
        self
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EndpointConfig")
            .field("name", &self.name)
            .field("listen", &self.listen)
            .field("kind", &self.kind)
            .field("limits", &self.limits)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}
