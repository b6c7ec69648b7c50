//! What `.gitignore` files leave out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The name of such a file.
pub(crate) const GITIGNORE: &str = ".gitignore";

/// The `.gitignore` files of a work tree, by their folders.
#[derive(Debug, Clone)]
pub struct GitIgnored {
    /// The folder from which on they count.
    top: PathBuf,
    files: BTreeMap<PathBuf, Gitignore>,
}

impl GitIgnored {
    /// None yet, for what is below `top`.
    pub fn new(top: PathBuf) -> Self {
        Self { top, files: BTreeMap::new() }
    }

    /// The work tree that `path` is in, else `otherwise`.
    pub fn around(path: &Path, otherwise: &Path) -> Self {
        let mut found = path.ancestors();
        let top = found.find(|folder| folder.join(".git").exists()).unwrap_or(otherwise);
        let mut all = Self::new(top.to_owned());
        let above: Vec<_> = path.ancestors().take_while(|folder| folder.starts_with(top)).collect();
        above.into_iter().rev().for_each(|folder| all.read(folder));
        all
    }

    /// Reads all that it has again.
    pub fn read_again(&mut self) {
        for folder in self.files.keys().cloned().collect::<Vec<_>>() {
            self.read(&folder);
        }
    }

    /// Takes what a folder's own file says, if it has one; none any more, if that is gone.
    pub fn read(&mut self, folder: &Path) {
        let exclude = (folder == self.top).then(|| folder.join(".git/info/exclude"));
        let files = exclude.into_iter().chain([folder.join(GITIGNORE)]);
        let texts: Vec<String> = files.filter_map(|file| backlot_files::text(&file).ok()).collect();
        self.files.remove(folder);
        if !texts.is_empty() {
            self.add(folder, &texts.join("\n"));
        }
    }

    /// Takes the lines of the file of a folder. One that is no pattern says nothing, as with git.
    pub fn add(&mut self, folder: &Path, lines: &str) {
        let mut builder = GitignoreBuilder::new(folder);
        for line in lines.lines() {
            let _ = builder.add_line(None, line);
        }
        if let Ok(file) = builder.build() {
            self.files.insert(folder.to_owned(), file);
        }
    }

    /// Whether a path is left out, or a folder that it is in.
    pub fn has(&self, path: &Path, is_folder: bool) -> bool {
        let mut parts: Vec<&Path> = path.ancestors().take_while(|part| *part != self.top).collect();
        parts.retain(|part| part.starts_with(&self.top));
        parts.into_iter().rev().any(|part| self.has_itself(part, is_folder || part != path))
    }

    /// The file that is nearest and says something about it counts.
    fn has_itself(&self, path: &Path, is_folder: bool) -> bool {
        let above = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.top));
        let said = above.filter_map(|folder| match self.files.get(folder)?.matched(path, is_folder) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        });
        said.into_iter().next().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::GitIgnored;
    use std::path::Path;

    #[test]
    fn files_of_folders_go_before_those_above() {
        let mut all = GitIgnored::new("/repo".into());
        all.add(Path::new("/repo"), "*.log\n/build/\ncache\n# no\n");
        all.add(Path::new("/repo/web"), "!keep.log\n*.tmp");
        for (path, expected) in [
            ("/repo/a.log", true),
            ("/repo/web/a.log", true),
            ("/repo/web/keep.log", false),
            ("/repo/keep.log", true),
            ("/repo/build/x/y", true),
            ("/repo/web/build/x", false),
            ("/repo/web/cache/x", true),
            ("/repo/web/x.tmp", true),
            ("/repo/x.tmp", false),
            ("/repo/web/app.py", false),
            ("/elsewhere/a.log", false),
        ] {
            assert_eq!(all.has(Path::new(path), false), expected, "{path}");
        }
        // A file is no folder.
        assert!(!all.has(Path::new("/repo/build"), false) && all.has(Path::new("/repo/build"), true));
    }

    #[test]
    fn they_are_read_from_the_work_tree_down() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        std::fs::create_dir_all(top.join("web/deep")).unwrap();
        std::fs::create_dir_all(top.join(".git/info")).unwrap();
        std::fs::write(top.join(".git/info/exclude"), "mine").unwrap();
        std::fs::write(top.join(".gitignore"), "*.out\n").unwrap();
        std::fs::write(top.join("web/.gitignore"), "*.tmp\n").unwrap();
        let mut all = GitIgnored::around(&top.join("web/deep"), &top.join("web/deep"));
        for name in ["mine", "a.out", "a.tmp"] {
            assert!(all.has(&top.join("web/deep").join(name), false), "{name}");
        }
        std::fs::remove_file(top.join("web/.gitignore")).unwrap();
        all.read(&top.join("web"));
        assert!(!all.has(&top.join("web/deep/a.tmp"), false));
    }
}
