//! What Compose files say of services, in the words that files, plans and supervisors share.
//!
//! `compose` stands alone and knows these as text; `project` reads them from its model, a runbook hands them on, and
//! [`crate::supervise`] acts on them.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a service waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What must be true of all replicas of the other.
    pub condition: Condition,
    /// Whether it has to be there and to do well. If not, it is waited for as long as it may still come true.
    pub required: bool,
    /// Whether a restart of the other that somebody asked for restarts this one, too.
    pub restart: bool,
}

/// What must be true of a service that another waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// It was started, whatever became of it.
    Started,
    /// It is ready, or did its work and ended well.
    Healthy,
    /// It ended with exit code 0. That makes it a job: such an end is not followed by a restart, whatever its policy.
    CompletedSuccessfully,
}

/// The times of a health check.
///
/// Until its first success the check is also run in between, quickly at first, so that nobody waits for an interval to
/// pass; those failures do not count. All the rest is as Docker does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthTimes {
    /// The time from one check's answer to the next check.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// How many failures in a row make it unhealthy; at least one.
    pub retries: u32,
    /// How long after the start failures do not count.
    pub start_period: Duration,
    /// The time between two checks within the start period.
    pub start_interval: Duration,
}

impl Default for HealthTimes {
    /// Docker's.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            retries: 3,
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(5),
        }
    }
}

/// What to do when a process ends that nobody stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Nothing.
    No,
    /// Start it again.
    Always,
    /// Start it again if it did not end well, at most so often in its life; `None` for no limit.
    OnFailure(Option<u32>),
    /// As [`Self::Always`]: the two differ only in what a Docker daemon does at its own start.
    UnlessStopped,
}

/// Where a service is reached: a host and a port. It is written `127.0.0.1:5432`, `[::1]:5432` or `db:5432`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The endpoint of `host`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// The endpoint of this machine for itself.
    #[must_use]
    pub fn local(port: u16) -> Self {
        Self::new("127.0.0.1", port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// A text that is no [`Endpoint`].
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It has no port.
    #[error("{0:?} has no port")]
    NoPort(String),
    /// What stands there is no port.
    #[error("{0:?} has something else than a port")]
    Port(String, #[source] ParseIntError),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| EndpointError::NoPort(text.to_owned()))?;
        let port = port.parse().map_err(|error| EndpointError::Port(text.to_owned(), error))?;
        Ok(Self::new(host.trim_matches(['[', ']']), port))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

/// What is spoken at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1: requests are balanced.
    Http,
    /// Bytes: connections are balanced.
    Tcp,
    /// Nobody has said: each client is listened to.
    Auto,
}

impl Protocol {
    /// An address as people open it.
    pub fn url(self, endpoint: &Endpoint) -> String {
        match self {
            // Where nobody has said what is spoken, it is nearly always this.
            Self::Http | Self::Auto => format!("http://{endpoint}"),
            Self::Tcp => endpoint.to_string(),
        }
    }
}
