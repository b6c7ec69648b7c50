//! What the project's files say of each service, read once, below all engines: its image and Dockerfile, its mounts,
//! commands, references and ports, the names that it knows, and where its data goes.

pub mod address;
mod alone;
pub mod container;
pub mod database;
pub mod front;
pub mod image;
mod inside;
pub mod migration;
pub mod names;
pub mod own;
pub mod references;
pub mod runtime;
pub mod schema;
mod starting;
pub mod storage;
mod targets;
mod unknown;
pub mod variables;

pub use targets::Targets;
pub use unknown::NoService;
