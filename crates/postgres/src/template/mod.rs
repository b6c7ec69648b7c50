//! Ready clusters that others are cloned from.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::{Owner, OwnerError, ProcessError};

use crate::locate::Installation;
use crate::spec::{ClusterSpec, SpecError};
use crate::storage::StorageError;

/// A directory of templates. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Templates {
    dir: PathBuf,
    owner: Owner,
}

/// A ready cluster. As long as this value lives, [`Templates::prune`] leaves it alone.
#[derive(Debug)]
pub struct Template {
    /// The version and the hash of all that made it.
    pub key: String,
    /// Whether it was made just now, which takes about a second, or was there already.
    pub was_made: bool,
    data_dir: PathBuf,
    owner: Owner,
    _lock: File,
}

/// Why there is no template, or no clone of it. The messages fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// No cluster can be like that.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The account that Postgres runs as cannot get there.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A file or directory could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// `initdb`, or the making of a database, failed.
    #[error("make a new cluster")]
    Make(#[source] ProcessError),
    /// Another process is making a template and does not finish.
    #[error("get hold of {} within {} s: another process has it", path.display(), waited.as_secs_f64())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The target of a clone is there already.
    #[error("clone a cluster into {}: it is there already", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
}

impl Templates {
    /// The templates in `dir`, which is made when needed. `owner` is whom Postgres runs as, and has to be able to reach it.
    pub fn new(dir: impl Into<PathBuf>, owner: Owner) -> Self {
        Self { dir: dir.into(), owner }
    }

    /// The template for this version and these wishes; made if it is not there, which takes about a second.
    pub fn ensure(
        &self,
        _installation: &Installation,
        _spec: &ClusterSpec,
    ) -> Result<Template, TemplateError> {
        todo!()
    }

    /// Removes all but the `keep` templates used last; never one in use. Returns how many it removed.
    pub fn prune(&self, _keep: usize) -> Result<usize, TemplateError> {
        todo!()
    }
}

impl Template {
    /// Makes `data_dir` a copy, complete or not there at all; its parent must exist. Without fsync for an ephemeral cluster.
    pub fn clone_into(&self, _data_dir: &Path) -> Result<(), TemplateError> {
        todo!()
    }
}
