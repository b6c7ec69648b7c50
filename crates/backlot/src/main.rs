//! `backlot`: runs every environment of a Postgres-backed web project from the files that it already has.

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
