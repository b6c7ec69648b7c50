//! Where a configuration comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::place::mounted;

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Files and directories of this machine that the container sees: its path, and ours.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// The service's variables, for the official image's templates.
    pub variables: BTreeMap<String, String>,
    /// The port of the site that the image brings along, unless the project has taken that away.
    pub site: Option<u16>,
}

/// Whether a path is one of those that a pattern for the last part means.
pub(crate) fn is_of(path: &Path, pattern: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(name), Some(pattern_name)) = (name(path), name(pattern)) else { return false };
    let (start, end) = pattern_name.split_once('*').unwrap_or((&pattern_name, ""));
    let is_long_enough = name.len() >= start.len() + end.len();
    path.parent() == pattern.parent() && is_long_enough && name.starts_with(start) && name.ends_with(end)
}

impl Source {
    /// The paths of the mounted files that a pattern means.
    pub(crate) fn matching(&self, pattern: &Path) -> BTreeSet<PathBuf> {
        let Some(dir) = pattern.parent() else { return BTreeSet::new() };
        // All that is mounted or copied there, and single files in the folder.
        let folders = self
            .mounts
            .iter()
            .filter_map(|(target, place)| dir.strip_prefix(target).ok().map(|rest| place.join(rest)));
        let entries = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let within = entries.map(|entry| dir.join(entry.file_name()));
        let single = self.mounts.iter().map(|(target, _)| target.clone());
        let all = within.chain(single).filter(|path| is_of(path, pattern));
        all.filter(|path| mounted(path, &self.mounts).is_some_and(|file| file.is_file())).collect()
    }
}
