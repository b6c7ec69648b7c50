//! Folders with the modules of Node.

use std::fs;
use std::path::{Path, PathBuf};

use backlot_dockerfile::{SETTINGS, folder_of_modules};

use crate::error::DependencyError;

/// What folders with modules are called.
pub(crate) const NAME: &str = "node_modules";

/// Whether the project has modules of its own for `directory`: in there, or above it up to `root`. A folder in which there is nothing
/// but what programs keep there themselves has none.
pub fn own_modules(directory: &Path, root: &Path) -> bool {
    let has_some = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    };
    // What a service is built from may be above the project (`context: ..`).
    directory
        .ancestors()
        .take_while(|folder| *folder == directory || folder.starts_with(root))
        .any(|folder| has_some(folder.join(NAME)))
}

/// Takes out of the settings in a copy of a project what would have its modules elsewhere on this machine.
pub(crate) fn keep_in(copy: &Path) -> Result<(), DependencyError> {
    for file in SETTINGS.map(|name| copy.join(name)) {
        let Ok(text) = backlot_files::text(&file) else { continue };
        let kept: Vec<&str> = text.lines().filter(|line| folder_of_modules(line).is_none()).collect();
        if kept.len() < text.lines().count() {
            fs::write(&file, kept.join("\n") + "\n").map_err(DependencyError::io("write", &file))?;
        }
    }
    Ok(())
}

/// All folders with modules below `folder`, but for those in such ones.
pub(crate) fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name() == NAME {
                found.extend(entry.path().strip_prefix(folder).map(Path::to_owned));
            } else {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::{all_below, own_modules};
    use std::fs;
    use std::path::Path;

    #[test]
    fn modules_are_found_as_node_looks_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("web/src")).unwrap();
        fs::create_dir_all(root.join("web/node_modules/.cache")).unwrap();
        assert!(!own_modules(&root.join("web"), root));
        fs::create_dir_all(root.join("other/node_modules/x")).unwrap();
        assert!(own_modules(&root.join("other"), &root.join("other/docker")));
        fs::remove_dir_all(root.join("other/node_modules")).unwrap();
        fs::create_dir_all(root.join("web/node_modules/x/node_modules/y")).unwrap();
        assert!(own_modules(&root.join("web/src"), root));
        assert!(!own_modules(root, root));
        fs::create_dir_all(root.join("node_modules/z")).unwrap();
        assert!(own_modules(&root.join("other"), root));
        assert_eq!(all_below(root), [Path::new("node_modules"), Path::new("web/node_modules")]);
    }
}
