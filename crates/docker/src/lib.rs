//! The Docker engine: the project's own Compose files, carried out by Docker Compose.
//!
//! It shells out to `docker` and to `docker compose`, else `docker-compose`. What it knows of a running environment is the
//! record, which tells how Compose was called, and what Docker tells of the containers that bear Compose's labels.

mod adopt;
mod answer;
mod client;
mod compose;
mod container;
mod deployment;
mod ending;
mod engine;
mod error;
mod foreign;
mod front;
mod health;
mod inspected;
mod list;
mod logs;
mod migrate;
mod model;
mod once;
mod orphans;
mod prepare;
mod psql;
mod remove;
mod report;
mod rollout;
mod running;
mod speak;
mod start;
mod up;
mod wait;

pub use client::{Client, named_daemon};
pub use compose::ComposeProject;
pub use deployment::DockerStack;
pub use error::DockerError;
pub use list::{glance, summary};
