//! Every rule of the supervision, by name.

#![expect(clippy::unwrap_used, reason = "a test, in which a panic is a failure")]

mod adopt;
mod commands;
mod health;
mod order;
mod outcome;
mod restarts;
mod rollouts;
mod stacks;
mod stage;
mod stopping;
