//! Where files of the container are on this machine.

use std::path::{Path, PathBuf};

/// Where nginx's own files are.
pub(crate) const OWN: [&str; 3] = ["/etc/nginx", "/usr/local/etc/nginx", "/opt/homebrew/etc/nginx"];
/// Where nginx's own modules are.
pub(crate) const MODULES: [&str; 4] = [
    "/usr/lib/nginx/modules",
    "/usr/lib64/nginx/modules",
    "/usr/local/nginx/modules",
    "/opt/homebrew/lib/nginx/modules",
];
/// The directory from which relative paths of the configuration are taken in the container.
pub(crate) const BASE: &str = "/etc/nginx";

/// The path inside of the container.
pub(crate) fn inside(path: &str) -> PathBuf {
    Path::new(BASE).join(path)
}

/// The place on this machine of a path inside of the container, if it is mounted.
pub(crate) fn mounted(path: &Path, mounts: &[(PathBuf, PathBuf)]) -> Option<PathBuf> {
    mounts
        .iter()
        .filter_map(|(target, source)| Some((target, path.strip_prefix(target).ok()?, source)))
        .max_by_key(|(target, _, _)| target.components().count())
        .map(|(_, rest, source)| if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) })
}

/// A file that comes with nginx, such as `mime.types`.
pub(crate) fn own(path: &Path) -> Option<PathBuf> {
    let name = path.strip_prefix(BASE).ok()?;
    OWN.iter().map(|base| Path::new(base).join(name)).find(|file| file.is_file())
}

/// A module that the nginx of this machine has as a file; one that it does not have may be a part of its program.
pub(crate) fn module(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    MODULES.iter().map(|folder| Path::new(folder).join(name)).find(|file| file.is_file())
}
