//! `backlot`: runs every environment of a Postgres-backed web project from the files that it already has.

#![expect(
    unreachable_pub,
    reason = "nothing of a binary is reachable from outside; `pub` marks what other modules use"
)]

mod caller;
mod cli;
mod commands;
mod context;
mod error;
mod exit;
mod render;

fn main() -> std::process::ExitCode {
    commands::run(cli::parse(), caller::Caller::read()).into()
}
