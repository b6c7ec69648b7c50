//! What is new in a folder since it was looked at.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::DependencyError;
use crate::folder::remove;

/// What programs leave beside what they make.
const LEFT: &str = "__pycache__";

/// A folder as it was: what was below it.
pub(crate) struct Before<'b> {
    root: &'b Path,
    all: BTreeMap<PathBuf, Stamp>,
}

/// By what a file is known to be the same.
type Stamp = (i64, i64, u64, u64);

impl<'b> Before<'b> {
    pub(crate) fn of(root: &'b Path) -> Result<Self, DependencyError> {
        let mut before = Self { root, all: BTreeMap::new() };
        before.note(Path::new(""))?;
        Ok(before)
    }

    fn note(&mut self, folder: &Path) -> Result<(), DependencyError> {
        for (path, metadata) in entries(self.root, folder)? {
            self.all.insert(path.clone(), stamp(&metadata));
            if metadata.is_dir() {
                self.note(&path)?;
            }
        }
        Ok(())
    }

    /// What is new or another now, as paths below it; of a new folder, that alone.
    pub(crate) fn changed(&self) -> Result<Vec<PathBuf>, DependencyError> {
        let mut changed = Vec::new();
        self.compare(Path::new(""), &mut changed)?;
        Ok(changed)
    }

    fn compare(&self, folder: &Path, changed: &mut Vec<PathBuf>) -> Result<(), DependencyError> {
        for (path, metadata) in entries(self.root, folder)? {
            match self.all.get(&path) {
                Some(_) if metadata.is_dir() => self.compare(&path, changed)?,
                Some(earlier) if *earlier == stamp(&metadata) => {}
                _ if path.file_name().is_some_and(|name| name == LEFT) => {}
                _ => changed.push(path),
            }
        }
        Ok(())
    }
}

/// Removes what is below `root` and not kept.
pub(crate) fn keep_only(root: &Path, kept: &[PathBuf]) -> Result<(), DependencyError> {
    clear(root, Path::new(""), kept)
}

fn clear(root: &Path, folder: &Path, kept: &[PathBuf]) -> Result<(), DependencyError> {
    for (path, metadata) in entries(root, folder)? {
        if kept.contains(&path) {
            continue;
        }
        let place = root.join(&path);
        if metadata.is_dir() && kept.iter().any(|kept| kept.starts_with(&path)) {
            clear(root, &path, kept)?;
        } else if metadata.is_dir() {
            remove(&place)?;
        } else {
            fs::remove_file(&place).map_err(DependencyError::io("remove", &place))?;
        }
    }
    Ok(())
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino())
}

/// The entries of a folder below `root`, by their names.
fn entries(root: &Path, folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, DependencyError> {
    let path = root.join(folder);
    let fail = |source| DependencyError::io("read", &path)(source);
    let mut all = Vec::new();
    for entry in fs::read_dir(&path).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        all.push((folder.join(entry.file_name()), entry.metadata().map_err(fail)?));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Before, keep_only};

    #[test]
    fn only_what_is_new_or_another_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        };
        write("app/src/a.js", "a");
        write("app/src/b.js", "b");
        let before = Before::of(root).unwrap();
        assert!(before.changed().unwrap().is_empty());
        write("app/src/b.js", "longer");
        write("app/dist/js/x.js", "x");
        write("app/__pycache__/x.pyc", "x");
        std::os::unix::fs::symlink("dist", root.join("app/now")).unwrap();
        let changed = before.changed().unwrap();
        assert_eq!(changed, ["app/dist", "app/now", "app/src/b.js"].map(Path::new));
        keep_only(root, &changed[..2]).unwrap();
        assert!(!root.join("app/src").exists() && !root.join("app/__pycache__").exists());
        assert!(root.join("app/now/js/x.js").exists());
    }
}
