//! What the tests stand on: replicas that do as they are told, a client that sees every byte, and a stage for both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "no test binary uses all of it")]

pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod stage;
