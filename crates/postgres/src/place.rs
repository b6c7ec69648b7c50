//! Where a cluster is.

use std::path::PathBuf;

/// The three paths of a cluster, all absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Postgres' data directory.
    pub data_dir: PathBuf,
    /// The private directory of its Unix socket; made when the server starts, removed with its socket when it stops.
    pub socket_dir: PathBuf,
    /// What the server says.
    pub log_file: PathBuf,
}
