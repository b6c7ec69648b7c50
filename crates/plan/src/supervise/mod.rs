//! How a stack's processes are started, watched, replaced and stopped: decisions only.
//!
//! [`Supervision::on_event`] is told what happened and when, and answers with what is to be done. It performs no I/O and
//! reads no clock, so every order of events can be tried in a test. After each event the whole stack is *settled*: what
//! follows from the present state is done, whichever event led to it. Orders that come in the middle of something
//! (a scale in a rollout, an up in a shutdown) therefore need no rules of their own.
//!
//! What the caller owes: each [`Action::Spawn`] is answered by [`Event::Spawned`] or [`Event::SpawnFailed`], each process
//! that ran by one [`Event::Exited`], each timer is delivered when it is due, and time does not run backwards. Late and
//! repeated news do no harm: they name a run or an epoch that has passed.

mod action;
mod adopt;
mod commands;
mod event;
mod gate;
mod health;
mod ids;
mod outbox;
mod outcome;
mod phase;
mod reason;
mod replica;
mod restart;
mod rollout;
mod service;
mod settle;
mod spec;
mod stack;
mod status;
mod stopping;
mod supervision;
mod terms;

pub use action::{Action, Report};
pub use event::{Command, Event, Exit};
pub use ids::{Epoch, Moment, Release, ReplicaId, ServiceId, Signal, Timer, TimerKind};
pub use outcome::Outcome;
pub use phase::{Health, Phase, Standing};
pub use reason::Reason;
pub use spec::{Readiness, Replacement, ServiceSpec};
pub use stack::{StackError, StackSpec};
pub use status::{ReplicaStatus, ServiceStatus};
pub use supervision::Supervision;
