//! What the project's files say of each service, read once, below all engines: its image and Dockerfile, its mounts,
//! commands, references and ports, and where its data goes.

pub(crate) mod address;
pub(crate) mod container;
pub(crate) mod database;
mod dockerfile;
pub(crate) mod references;
pub(crate) mod storage;
mod targets;

pub(crate) use targets::Targets;
