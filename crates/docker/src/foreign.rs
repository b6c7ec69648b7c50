//! Compose tells projects apart by their names alone; two directories may have chosen the same one.

use std::path::{Path, PathBuf};

use crate::container::Container;
use crate::error::DockerError;

/// Refuses a project's name that containers of another directory than `ours` bear.
pub(super) fn refuse_foreign(
    project: &str,
    ours: &Path,
    containers: &[Container],
) -> Result<(), DockerError> {
    // One that was called from a directory behind a link has written that down.
    let real = |dir: &Path| -> PathBuf { dir.canonicalize().unwrap_or_else(|_| dir.to_owned()) };
    let is_ours = |dir: &Path| dir == ours || real(dir) == real(ours);
    let owners = containers.iter().filter_map(|container| container.working_dir.as_ref());
    match owners.into_iter().find(|dir| !is_ours(dir)) {
        Some(owner) => Err(DockerError::Foreign { project: project.to_owned(), owner: owner.clone() }),
        None => Ok(()),
    }
}
