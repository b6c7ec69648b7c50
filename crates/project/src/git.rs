//! What git keeps of a checkout, read from its files: git itself is not asked.

use std::path::{Component, Path, PathBuf};

/// More than any of these files has.
const MOST: u64 = 1 << 20;

/// What git has of a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// The checkout's top directory.
    pub top: PathBuf,
    /// The directory of what is this checkout's alone: `.git`, or one in the main checkout's.
    pub own: PathBuf,
    /// The directory that all checkouts share.
    pub common: PathBuf,
    /// The name of the worktree, for a linked one.
    pub linked: Option<String>,
}

impl Git {
    /// That of the checkout that `dir` is in.
    pub fn of(dir: &Path) -> Option<Self> {
        let top = dir.ancestors().find(|dir| dir.join(".git").exists())?;
        let dot = top.join(".git");
        if dot.is_dir() {
            return Some(Self { top: top.to_owned(), own: dot.clone(), common: dot, linked: None });
        }
        let text = read(&dot)?;
        let own = plain(&top.join(text.trim().strip_prefix("gitdir:")?.trim()));
        let common = match read(&own.join("commondir")) {
            Some(common) => plain(&own.join(common.trim())),
            // One whose main checkout was moved says where that was.
            None => match own.parent().filter(|dir| dir.ends_with("worktrees")).and_then(Path::parent) {
                Some(common) => common.to_owned(),
                // A submodule's, or one that is somewhere else.
                None => return Some(Self { top: top.to_owned(), common: own.clone(), own, linked: None }),
            },
        };
        let linked = own.file_name().map(|name| name.to_string_lossy().into_owned());
        Some(Self { top: top.to_owned(), own, common, linked })
    }

    /// The top directory of the main checkout: a bare repository has none.
    pub fn main(&self) -> Option<PathBuf> {
        let settings = read(&self.common.join("config")).unwrap_or_default();
        if let Some(tree) = setting(&settings, "core", "worktree") {
            return Some(plain(&self.common.join(tree)));
        }
        let is_bare = setting(&settings, "core", "bare").is_some_and(|value| value == "true");
        let parent = self.common.parent().filter(|_| self.common.ends_with(".git") && !is_bare)?;
        Some(parent.to_owned())
    }

    /// The same file or directory in the main checkout, where this is a linked one and that has it.
    pub fn in_main(&self, path: &Path) -> Option<PathBuf> {
        self.linked.as_ref()?;
        let there = self.main()?.join(plain(path).strip_prefix(&self.top).ok()?);
        there.canonicalize().ok().filter(|there| there != path)
    }

    /// The top directories of all linked worktrees, as git knows them.
    pub fn worktrees(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.common.join("worktrees")).into_iter().flatten().flatten();
        let top =
            |own: PathBuf| Some(plain(&own.join(read(&own.join("gitdir"))?.trim())).parent()?.to_owned());
        entries.filter_map(|entry| top(entry.path())).collect()
    }

    /// Whether git has another directory for this worktree, of which this one is a copy then.
    pub fn is_copy(&self) -> bool {
        let said = self.linked.as_ref().and_then(|_| read(&self.own.join("gitdir")));
        let Some(there) = said.map(|said| plain(&self.own.join(said.trim()))) else { return false };
        there.exists() && there != plain(&self.top.join(".git"))
    }

    /// The branch that is checked out, else the first digits of the commit.
    pub fn branch(&self) -> Option<String> {
        let head = read(&self.own.join("HEAD"))?;
        match head.trim().strip_prefix("ref:") {
            // Where references are kept in another form this says nothing.
            Some(name) if name.trim() == "refs/heads/.invalid" => None,
            Some(name) => Some(name.trim().trim_start_matches("refs/heads/").to_owned()),
            None => Some(head.trim().chars().take(7).collect()),
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let bytes = backlot_files::bytes(path, MOST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A path without `.` and `..`, canonical where it leads somewhere.
fn plain(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        path.components().fold(PathBuf::new(), |mut plain, part| {
            match part {
                Component::ParentDir => drop(plain.pop()),
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
            }
            plain
        })
    })
}

/// A setting of git's configuration; the last one counts.
fn setting<'t>(text: &'t str, section: &str, name: &str) -> Option<&'t str> {
    let (mut is_here, mut found) = (false, None);
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            is_here = header.trim_end_matches(']').trim().eq_ignore_ascii_case(section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_here)
            && key.trim().eq_ignore_ascii_case(name)
        {
            found = Some(value.trim().trim_matches('"'));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Git;
    use std::fs;
    use std::path::Path;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn checkouts_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        write(&root, "shop/.git/HEAD", "ref: refs/heads/main\n");
        write(&root, "shop/.git/config", "[core]\n\tbare = false\n");
        write(&root, "shop/.git/worktrees/feature/commondir", "../..\n");
        write(&root, "shop/.git/worktrees/feature/HEAD", "ref: refs/heads/team/feature\n");
        write(&root, "shop/apps/web/x", "");
        let git_file = format!("gitdir: {}\n", root.join("shop/.git/worktrees/feature").display());
        write(&root, "feature/.git", &git_file);
        // As newer versions of git write it where they are told to.
        write(&root, "relative/.git", "gitdir: ../shop/.git/worktrees/feature\n");
        write(&root, "broken/.git", "gitdir: /nowhere/shop/.git/worktrees/feature\n");
        write(&root, "bare.git/config", "[core]\n\tbare = true\n");
        write(&root, "bare.git/worktrees/one/commondir", "../..\n");
        write(&root, "bare.git/worktrees/one/HEAD", "0123456789abcdef\n");
        write(&root, "one/.git", &format!("gitdir: {}\n", root.join("bare.git/worktrees/one").display()));
        write(&root, "shop/.git/modules/sub/config", "[core]\n\tworktree = ../../../sub\n");
        write(&root, "shop/sub/.git", "gitdir: ../.git/modules/sub\n");
        write(&root, "plain/x", "");

        let main = Git::of(&root.join("shop/apps/web")).unwrap();
        assert_eq!((main.linked.as_deref(), main.top.as_path()), (None, root.join("shop").as_path()));
        assert_eq!(main.branch().as_deref(), Some("main"));
        for linked in ["feature", "relative"] {
            let linked = Git::of(&root.join(linked)).unwrap();
            assert_eq!(linked.linked.as_deref(), Some("feature"));
            assert_eq!(linked.common, main.common);
            assert_eq!(linked.main(), Some(root.join("shop")));
            assert_eq!(linked.branch().as_deref(), Some("team/feature"));
        }
        let broken = Git::of(&root.join("broken")).unwrap();
        assert_eq!(broken.linked.as_deref(), Some("feature"));
        assert_eq!(broken.common, Path::new("/nowhere/shop/.git"));
        let one = Git::of(&root.join("one")).unwrap();
        assert_eq!((one.linked.as_deref(), one.main()), (Some("one"), None));
        assert_eq!(one.branch().as_deref(), Some("0123456"));
        let sub = Git::of(&root.join("shop/sub")).unwrap();
        assert_eq!((sub.linked.as_deref(), sub.main()), (None, Some(root.join("shop/sub"))));
    }
}
