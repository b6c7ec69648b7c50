//! Copies of a project's files, in which tools may write what they like: nothing is written into the source tree.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backlot_watch::Patterns;

use crate::error::DependencyError;

/// What is not the project's own, is made of it, or is a secret.
const SKIPPED: [&str; 22] = [
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "__pycache__",
    ".venv",
    "target",
    ".next",
    ".nuxt",
    ".turbo",
    ".cache",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".idea",
    ".vscode",
    ".direnv",
    ".env",
    ".bundle",
    ".terraform",
];
/// So many files a copy may have.
const MOST_FILES: usize = 40_000;
/// And so many bytes.
const MOST_BYTES: u64 = 1 << 30;

/// A file or folder of a project.
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) kind: fs::FileType,
    pub(crate) size: u64,
    pub(crate) written: (i64, i64),
}

/// All files below a folder, the folders before what is in them, in the order of their names.
pub(crate) fn entries(from: &Path) -> Result<Vec<Entry>, DependencyError> {
    entries_but(from, None)
}

/// The same but for what a build does not get of it.
pub(crate) fn entries_but(from: &Path, ignored: Option<&Patterns>) -> Result<Vec<Entry>, DependencyError> {
    let mut found = Vec::new();
    let mut folders = vec![from.to_owned()];
    let mut bytes = 0;
    let too_much = |limit| DependencyError::TooMuch { path: from.to_owned(), limit };
    while let Some(folder) = folders.pop() {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .map_err(DependencyError::io("read", &folder))?
            .filter_map(Result::ok)
            .filter(|entry| !is_skipped(&entry.file_name().to_string_lossy(), &entry.path()))
            .filter(|entry| !ignored.is_some_and(|ignored| ignored.match_all_of(&entry.path())))
            .collect();
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let kind = metadata.file_type();
            let is_ignored = ignored.is_some_and(|ignored| ignored.matches(&path));
            if kind.is_dir() {
                folders.push(path.clone());
            } else if is_ignored || (!kind.is_file() && !kind.is_symlink()) {
                continue;
            }
            let written = (metadata.mtime(), metadata.mtime_nsec());
            bytes += if kind.is_file() { metadata.len() } else { 0 };
            found.push(Entry { path, kind, size: metadata.len(), written });
            if found.len() > MOST_FILES {
                return Err(too_much("40,000 files"));
            }
            if bytes > MOST_BYTES {
                return Err(too_much("1 GiB"));
            }
        }
    }
    Ok(found)
}

fn is_skipped(name: &str, path: &Path) -> bool {
    SKIPPED.contains(&name) || name.starts_with(".env.") || path.join("pyvenv.cfg").exists()
}

/// Copies a folder of a project, but for what is nobody's source: packages, caches, secrets.
pub fn copy(from: &Path, to: &Path) -> Result<(), DependencyError> {
    copy_but(from, to, None)
}

/// The same but for what a build does not get of it.
pub(crate) fn copy_but(from: &Path, to: &Path, ignored: Option<&Patterns>) -> Result<(), DependencyError> {
    fs::create_dir_all(to).map_err(DependencyError::io("make", to))?;
    for entry in entries_but(from, ignored)? {
        let Ok(rest) = entry.path.strip_prefix(from) else { continue };
        let place = to.join(rest);
        let copied = if entry.kind.is_dir() {
            fs::create_dir_all(&place)
        } else if entry.kind.is_symlink() {
            fs::read_link(&entry.path).and_then(|target| std::os::unix::fs::symlink(target, &place))
        } else {
            fs::copy(&entry.path, &place).map(drop)
        };
        copied.map_err(DependencyError::io("copy", &entry.path))?;
    }
    Ok(())
}

/// The files of settings at the top of a folder, which builds read.
pub(crate) fn settings(from: &Path, ignored: Option<&Patterns>) -> Result<Vec<PathBuf>, DependencyError> {
    let entries = fs::read_dir(from).map_err(DependencyError::io("read", from))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ignored = ignored.is_some_and(|ignored| ignored.matches(path));
        (name == ".env" || name.starts_with(".env.")) && path.is_file() && !is_ignored
    };
    Ok(paths.filter(is_one).collect())
}

#[cfg(test)]
mod tests {
    use super::copy;
    use std::fs;

    #[test]
    fn what_is_not_the_projects_own_stays_behind() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        for file in
            ["a/b.py", ".env", ".env.local", ".npmrc", "node_modules/x/y", "v/pyvenv.cfg", ".git/config"]
        {
            let file = from.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink("a", from.join("link")).unwrap();
        let to = dir.path().join("to");
        copy(&from, &to).unwrap();
        let mut names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".npmrc", "a", "link"]);
        assert_eq!(fs::read_link(to.join("link")).unwrap().to_str(), Some("a"));
    }
}
