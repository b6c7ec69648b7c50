//! `backlot`: runs every environment of a Postgres-backed web project from the files that it already has.

#![expect(
    unreachable_pub,
    reason = "nothing of a binary is reachable from outside; `pub` marks what other modules use"
)]

mod another_user;
mod caller;
mod candidates;
mod cli;
mod commands;
mod context;
mod error;
mod exit;
mod global;
mod help;
mod render;
mod scenarios;
mod usage;
mod waiting;

fn main() -> std::process::ExitCode {
    if let Some(code) = waiting::run().or_else(another_user::run) {
        return code;
    }
    backlot_process::take_umask();
    cli::run(caller::Caller::read()).into()
}
