//! The gateway between real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod auto;
mod balance;
mod death;
mod drain;
mod half_closed;
mod headers;
mod limits;
mod odd_answers;
mod odd_clients;
mod odd_replicas;
mod rollout;
mod tcp;
mod upgrade;
