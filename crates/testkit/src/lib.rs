//! For tests only: throw-away projects, fake programs, the leak check.
//!
//! A [`Stage`] is a directory of its own with a project and a Backlot home in it. Backlot runs there with a cleared
//! environment; each run's exit code, stdout and stderr are asserted together. When the stage goes, the leak check has
//! to find nothing: no process, no socket, no file.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    reason = "a test that cannot set itself up has to fail loudly"
)]

mod docker;
mod docker_leaks;
mod docker_program;
mod docker_watch;
mod examples;
mod fake;
mod http;
mod leaks;
mod pages;
mod podman;
mod project;
mod readme;
mod run;
mod sources;
mod stage;
mod wait;

pub use docker::DockerStage;
pub use examples::{Desk, Shelf};
pub use fake::{FakeDocker, FakePostgres};
pub use http::{free_port, free_ports, get, read_answer};
pub use leaks::assert_no_process;
pub use pages::{Block, blocks, with_outputs};
pub use project::{COMPOSE_FILE, copy_tree};
pub use readme::{Example, examples, is_shown, without_numbers};
pub use run::{Outcome, Run};
pub use sources::sources;
pub use stage::{Stage, repository, venv};
pub use wait::wait_until;
