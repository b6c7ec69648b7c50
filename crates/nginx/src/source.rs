//! Where a configuration comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Files and directories of this machine that the container sees: its path, and ours.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// The service's variables, for the official image's templates.
    pub variables: BTreeMap<String, String>,
}
