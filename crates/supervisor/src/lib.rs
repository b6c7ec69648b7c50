//! The process that owns a running environment: its children, their logs and health, and the control socket.
//!
//! It is handed a [`Runbook`], in which everything is worked out, and knows neither projects nor Postgres: what it needs
//! of the latter it is given as [`Databases`]. Whoever wants something of it sends a [`Request`] to its socket.

mod addresses;
mod change;
mod client;
mod container;
mod control;
mod driver;
mod heard;
mod knocks;
mod listen;
mod once;
mod outbox;
mod protocol;
mod routes;
mod runbook;
mod seat;
mod silence;
mod spec;

pub use client::{Client, ClientError};
pub use container::{ContainerRun, Inside, Peers};
pub use once::router;
pub use protocol::{
    Answer, Described, EndpointReport, Failure, FailureCode, Health, Message, News, PROTOCOL, ReplicaReport,
    Request, ServiceReport, State,
};
pub use routes::Routes;
pub use runbook::{
    AddressPlan, Check, Databases, HealthRun, HookRun, Part, PortRun, ProcessRun, Readiness, Runbook,
    ServiceKind, ServiceRun, Template,
};
pub use seat::{SeatError, guard, run};
