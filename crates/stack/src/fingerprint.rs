//! Whether the files that a service is made of have changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use backlot_files::litter::{is_litter, is_made};
use sha2::{Digest, Sha256};

/// Files beyond this are not looked at: a project has fewer.
const MOST_FILES: usize = 20_000;

/// Hidden folders that tools make and no program of the project reads.
const MADE: [&str; 8] =
    [".git", ".hg", ".venv", ".tox", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".idea"];

/// A hash over the names, sizes and times of all files under `dir`: of those that a person writes, but for `read`, which
/// were read: what they say counts, service by service.
pub(crate) fn of_directory(dir: &Path, read: &[PathBuf]) -> String {
    let mut files = Files { hash: Sha256::new(), left: MOST_FILES, read, is_whole: false };
    files.add(dir);
    hex(&files.hash.finalize())
}

/// The same for all of a project that its programs may read, hidden folders and what links lead to included, but for packages that
/// were installed; none where there are more files than are looked at.
pub fn of_project(dir: &Path, read: &[PathBuf]) -> Option<String> {
    let mut files = Files { hash: Sha256::new(), left: MOST_FILES, read, is_whole: true };
    files.add(dir);
    (files.left > 0).then(|| hex(&files.hash.finalize()))
}

/// What a file says; of one that is not read whole, when it was written.
pub fn of_file(file: &Path) -> String {
    let mut hash = Sha256::new();
    match backlot_files::bytes(file, backlot_files::MOST) {
        Ok(bytes) => hash.update(bytes),
        Err(_) => {
            if let Some(found) = fs::metadata(file).ok().filter(fs::Metadata::is_file) {
                written(&mut hash, &found);
            }
        }
    }
    hex(&hash.finalize())
}

fn written(hash: &mut Sha256, file: &fs::Metadata) {
    hash.update(file.len().to_le_bytes());
    hash.update(file.mtime().to_le_bytes());
    hash.update(file.mtime_nsec().to_le_bytes());
}

/// A hash over some texts.
pub fn of_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text);
        hash.update([0]);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let word = bytes.iter().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    format!("{word:016x}")
}

struct Files<'a> {
    hash: Sha256,
    left: usize,
    read: &'a [PathBuf],
    /// Whether hidden folders, and what links lead to, are part of it.
    is_whole: bool,
}

impl Files<'_> {
    fn add(&mut self, dir: &Path) {
        let mut entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (name, path) = (entry.file_name(), entry.path());
            let text = name.to_string_lossy();
            let Ok(mut kind) = entry.file_type() else { continue };
            if self.is_whole && kind.is_symlink() {
                let Ok(target) = fs::metadata(&path) else { continue };
                kind = target.file_type();
            }
            if kind.is_dir() {
                // A link may lead back to where it is.
                let Some(left) = self.left.checked_sub(1) else { return };
                self.left = left;
                let is_read = self.is_whole && text.starts_with('.') && !MADE.contains(&text.as_ref());
                if is_read || !is_made(&path) {
                    self.add(&path);
                }
            } else if !is_litter(&text) && !self.was_read(&path) {
                if self.left == 0 {
                    return;
                }
                self.left -= 1;
                let found = if self.is_whole { fs::metadata(&path) } else { entry.metadata() };
                if let Ok(file) = found {
                    self.hash.update(path.as_os_str().as_encoded_bytes());
                    written(&mut self.hash, &file);
                    if self.is_whole {
                        // The time of a file can be set as one likes, that of its last change cannot.
                        self.hash.update(file.ctime().to_le_bytes());
                        self.hash.update(file.ctime_nsec().to_le_bytes());
                    }
                }
            }
        }
    }

    /// The project may have been found by another path than the one that leads here.
    fn was_read(&self, path: &Path) -> bool {
        let mut alike = self.read.iter().filter(|read| read.file_name() == path.file_name());
        alike.any(|read| {
            read == path
                || matches!((read.canonicalize(), path.canonicalize()), (Ok(one), Ok(other)) if one == other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::of_directory;

    #[test]
    fn it_changes_with_what_people_write_and_with_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("app.py"), "1").unwrap();
        let before = of_directory(dir.path(), &[]);
        for litter in ["__pycache__", ".git", ".venv", "target"] {
            std::fs::create_dir(dir.path().join(litter)).unwrap();
            std::fs::write(dir.path().join(litter).join("x"), "x").unwrap();
        }
        std::fs::write(dir.path().join("debug.log"), "x").unwrap();
        assert_eq!(of_directory(dir.path(), &[]), before);
        std::fs::write(dir.path().join("app.py"), "12").unwrap();
        assert_ne!(of_directory(dir.path(), &[]), before);
    }

    #[test]
    fn a_file_whose_words_count_does_not_count_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("compose.yaml"), dir.path().join("other/compose.yaml"));
        std::fs::create_dir(dir.path().join("other")).unwrap();
        std::fs::write(&other, "").unwrap();
        let before = of_directory(dir.path(), std::slice::from_ref(&file));
        std::fs::write(&file, "services: {}").unwrap();
        assert_eq!(of_directory(dir.path(), std::slice::from_ref(&file)), before);
        std::fs::write(&other, "services: {}").unwrap();
        assert_ne!(of_directory(dir.path(), &[file]), before);
    }
}
