//! What is said over the control socket: one JSON value a line, a [`Request`] first, then [`Message`]s, of which the last
//! is [`Message::Done`] or [`Message::Failed`]. A connection carries one request, or any number of [`Question`]s.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use backlot_plan::{Endpoint, Protocol, ServiceStep};
use backlot_process::ProcessId;
use backlot_view::{Called, Mount, Route, Transport, View, ViewError};
use serde::{Deserialize, Serialize};

use crate::runbook::{Runbook, view};

/// The version of what is said. It is raised when a side of the version before would understand something else than is meant, also
/// by leaving out what it does not know: a new part of the runbook, say. What has to be understood for ever is [`Request::Down`] and
/// [`Request::Kill`], and that a [`Message`] is an answer to them.
pub const PROTOCOL: u32 = 1;

/// What somebody wants of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// How everything is: [`Answer::Status`].
    Status,
    /// Run this: what is new or changed is started or replaced, one replica after another; what is as it was stays; what
    /// the runbook does not have is stopped, unless services are named. Refused with [`FailureCode::Structure`] when a
    /// service becomes something else than it is, a server where there was a program: then it takes a `Down` and a new
    /// supervisor.
    Up {
        /// The stack as it is wanted now.
        runbook: Box<Runbook>,
        /// The services to run, with all that they depend on; none named means all.
        services: Vec<String>,
        /// Whether to answer only when all is ready or something failed; else the answer comes at once.
        wait: bool,
    },
    /// What an [`Request::Up`] of the same would do now: [`Answer::Plan`]. Nothing is changed.
    Plan {
        /// The stack as it is wanted now.
        runbook: Box<Runbook>,
        /// The services to run, with all that they depend on; none named means all.
        services: Vec<String>,
    },
    /// What runs of these services may take no longer than this to end, whenever it is asked to; what is started after that may
    /// take as long as its files say. Answered at once.
    Hasten {
        /// The services; none named means all that are up.
        services: Vec<String>,
        /// How long, in milliseconds.
        grace_ms: u64,
    },
    /// Run so many replicas; answered when they are ready, and those that are too many have gone.
    Scale {
        /// How many of which service.
        replicas: BTreeMap<String, u32>,
        /// Whether to wait for that.
        wait: bool,
    },
    /// Replace all replicas of these services, one service after another; answered when that is done or given up.
    Restart {
        /// The services; none named means all that are up.
        services: Vec<String>,
        /// One replica after another, each drained, and new ones ready before old ones leave.
        rolling: bool,
    },
    /// Wait until these services are ready, or did their work and ended well.
    WaitHealthy {
        /// The services; none named means all.
        services: Vec<String>,
    },
    /// Wait until all replicas of one of these services have ended: [`Answer::Exit`].
    WaitStopped {
        /// The services; none named means all.
        services: Vec<String>,
    },
    /// What a service is made of: [`Answer::Described`].
    Describe {
        /// The service.
        service: String,
    },
    /// As long as this connection stays open, the environment is its: when it ends, everything is stopped. News are
    /// sent meanwhile.
    Attach,
    /// Stop everything, dependents first, and end. Answered when all is stopped.
    Down,
    /// Kill everything and end.
    Kill,
}

/// What is answered at once, as often as it is asked on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Where an address of the environment leads, for a program beside a service.
    Route {
        /// The program's own address.
        from: Ipv4Addr,
        /// The address.
        to: Ipv4Addr,
        /// The port.
        port: u16,
        /// What is spoken there.
        transport: Transport,
    },
}

/// The line that answers a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// It is known.
    Done(Known),
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Known {
    /// To [`Question::Route`], now.
    Route(Route),
    /// The same, for as long as the connection stays: it is ended before that leads elsewhere.
    Lasting(Route),
}

/// What a supervisor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Something happened meanwhile, which people like to know.
    News(News),
    /// It is done.
    Done(Answer),
    /// It is not, and will not be.
    Failed(Failure),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The service.
    pub service: String,
    /// The replica, `web-1`, where it is about one.
    pub replica: Option<String>,
    /// What happened, which fits after its name: "is ready", "exited with code 1 and is started again in 2s".
    pub text: String,
    /// Whether it is bad news.
    pub bad: bool,
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing more to say.
    Nothing,
    /// To [`Request::Status`]; services in the order of their starts.
    Status(Vec<ServiceReport>),
    /// To [`Request::Plan`]: nothing for what stays as it is.
    Plan(Vec<ServiceStep>),
    /// To [`Request::Describe`].
    Described(Box<Described>),
    /// To [`Request::WaitStopped`]: the exit code of a service that has ended.
    Exit {
        /// The service.
        service: String,
        /// Its exit code, 128 + signal for a signal.
        code: i32,
    },
}

/// Why a request could not be met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Of what kind.
    pub code: FailureCode,
    /// The service at fault.
    pub service: Option<String>,
    /// What is wrong, for people.
    pub text: String,
    /// The last lines of the failed process.
    pub last_lines: Vec<String>,
}

impl Failure {
    /// That something cannot be, which is no service's fault.
    pub(crate) fn impossible(text: impl Into<String>) -> Self {
        Self { code: FailureCode::Impossible, service: None, text: text.into(), last_lines: Vec::new() }
    }
}

/// Of what kind a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureCode {
    /// The stack has no such service.
    NoService,
    /// Something cannot be as asked: two replicas of a database, say.
    Impossible,
    /// It takes a new supervisor, see [`Request::Up`].
    Structure,
    /// A service failed.
    Service,
    /// The port of an endpoint is in use.
    PortInUse,
    /// Somebody else stops everything.
    Stopping,
}

impl FailureCode {
    /// Its stable name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoService => "no-service",
            Self::Impossible => "impossible",
            Self::Structure => "structure",
            Self::Service => "service-failed",
            Self::PortInUse => "port-in-use",
            Self::Stopping => "stopping",
        }
    }
}

/// A service as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Its name.
    pub name: String,
    /// What runs it: `native`, `docker`, `podman`.
    #[serde(default = "native")]
    pub engine: String,
    /// How many replicas are wanted.
    pub wanted: u32,
    /// Whether they are being replaced.
    pub rolling: bool,
    /// Where it is reached.
    pub endpoints: Vec<EndpointReport>,
    /// Its replicas, by number.
    pub replicas: Vec<ReplicaReport>,
}

impl ServiceReport {
    /// Whether some of it is to be ready, and is not yet.
    pub fn is_starting(&self) -> bool {
        self.replicas.iter().any(|replica| match replica.state {
            State::Waiting | State::Starting | State::Restarting => true,
            State::Running => replica.health == Some(Health::Starting),
            State::Blocked | State::Draining | State::Stopping | State::Completed | State::Failed => false,
        })
    }
}

/// The engine of what is no container.
pub(crate) fn native() -> String {
    "native".to_owned()
}

/// An endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// The port inside the container.
    pub target: u16,
    /// `127.0.0.1:5000`.
    pub address: Endpoint,
    /// Whether the Compose file publishes it.
    pub published: bool,
    /// What is spoken there.
    pub protocol: Protocol,
}

impl EndpointReport {
    /// The address as people open it.
    pub fn url(&self) -> String {
        self.protocol.url(&self.address)
    }
}

/// A replica as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaReport {
    /// Its place, from 1.
    pub number: u32,
    /// Where it is in its life.
    pub state: State,
    /// How it does, while it runs.
    pub health: Option<Health>,
    /// Why it is not well, fitting after its name.
    pub reason: Option<String>,
    /// Where it listens itself, in the order of its service's ports.
    pub addresses: Vec<Endpoint>,
    /// Its process.
    pub pid: Option<i32>,
    /// When that was started, in milliseconds since 1970.
    pub started: Option<u64>,
    /// How often it was started again.
    pub restarts: u32,
    /// The address that is its own, if it has one.
    #[serde(default)]
    pub own: Option<Ipv4Addr>,
    /// The ports at which it listens at its own addresses, and where each really is.
    #[serde(default)]
    pub ports: BTreeMap<u16, SocketAddr>,
}

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for what it depends on.
    Waiting,
    /// What it depends on fails.
    Blocked,
    /// Its process is being started.
    Starting,
    /// Its process runs.
    Running,
    /// It ended and is started again in a moment.
    Restarting,
    /// Its last requests are waited for.
    Draining,
    /// It was asked to end, or is being killed.
    Stopping,
    /// It did its work and ended well.
    Completed,
    /// It ended and stays so.
    Failed,
}

/// How a running replica does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not known yet.
    Starting,
    /// Ready.
    Healthy,
    /// Not well.
    Unhealthy,
}

/// What a service is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its whole environment.
    pub variables: BTreeMap<String, String>,
    /// The directory it works in.
    pub directory: PathBuf,
    /// What it sees at paths of its own.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// A process of it, whose view can be shared.
    #[serde(default)]
    pub process: Option<ProcessId>,
    /// The address that is its own, if it has one: that of the same process.
    #[serde(default)]
    pub own: Option<Ipv4Addr>,
    /// What it takes its machine to be called.
    #[serde(default)]
    pub called: Option<Called>,
    /// The container that it is: its engine's client, the container's name, and the variables for the client.
    #[serde(default)]
    pub container: Option<(PathBuf, String, BTreeMap<String, String>)>,
}

impl Described {
    /// What it sees from `directory`, made anew; none where that is the machine as it is.
    ///
    /// # Errors
    /// When something of it cannot be had.
    pub fn view(&self, directory: &Path) -> Result<Option<View>, ViewError> {
        view(&self.mounts, self.called.as_ref(), directory)
    }
}
