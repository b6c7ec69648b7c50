//! The files that rules are about, as they were when they were looked at last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::git::GITIGNORE;
use crate::rule::Rule;

/// What tells that a file was written: its size, its time, and which file it is. One that is saved under its name by a rename
/// is another one; who only reads it or changes its rights changes none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: (i64, i64),
    inode: u64,
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self { length: file.len(), modified: (file.mtime(), file.mtime_nsec()), inode: file.ino() }
    }
}

/// Is told of each folder before it is read, so that nothing that happens in it later is missed.
pub(crate) type Entering<'e> = &'e mut dyn FnMut(&Path);

/// The files of some rules.
#[derive(Debug)]
pub(crate) struct Tree {
    rules: Vec<Rule>,
    files: BTreeMap<PathBuf, Stamp>,
}

impl Tree {
    /// Looks at all of it.
    pub(crate) fn new(rules: Vec<Rule>, entering: Entering<'_>) -> Self {
        let mut tree = Self { rules, files: BTreeMap::new() };
        tree.read_roots(entering);
        tree
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.keys()
    }

    /// Whether what happens at a path can matter: to a file that a rule takes, or a folder that it enters or that leads to one.
    pub(crate) fn is_about(&self, path: &Path) -> bool {
        let is_known =
            || self.files.range(path.to_owned()..).next().is_some_and(|(file, _)| file.starts_with(path));
        let enters = |rule: &Rule| rule.path.starts_with(path) || rule.reaches(path);
        path.file_name().is_some_and(|name| name == GITIGNORE)
            || self.rules.iter().any(|rule| rule.takes(path))
            || is_known()
            || path.is_dir() && self.rules.iter().any(enters)
    }

    /// Looks at all of it again; returns the files that have changed, come, or gone.
    pub(crate) fn look_at_all(&mut self, entering: Entering<'_>) -> Vec<PathBuf> {
        let before = std::mem::take(&mut self.files);
        self.read_roots(entering);
        let is_new = |(path, stamp): &(&PathBuf, &Stamp)| before.get(*path) != Some(*stamp);
        let mut changed: Vec<PathBuf> =
            self.files.iter().filter(is_new).map(|(path, _)| path.clone()).collect();
        changed.extend(before.keys().filter(|path| !self.files.contains_key(*path)).cloned());
        changed
    }

    /// Looks at these again, and at what is below those that are folders.
    pub(crate) fn look_at(&mut self, paths: &BTreeSet<PathBuf>, entering: Entering<'_>) -> Vec<PathBuf> {
        if paths.iter().any(|path| path.file_name().is_some_and(|name| name == GITIGNORE)) {
            return self.look_with_other_eyes(entering);
        }
        let mut changed = BTreeSet::new();
        for path in paths {
            self.look_at_one(path, entering, &mut changed);
        }
        changed.into_iter().collect()
    }

    /// What was left out until now has not changed because of that.
    fn look_with_other_eyes(&mut self, entering: Entering<'_>) -> Vec<PathBuf> {
        let known = self.files.clone();
        for rule in &mut self.rules {
            if let Some(git) = &mut rule.git {
                git.read_again();
            }
        }
        let mut changed = self.look_at_all(entering);
        changed.retain(|path| known.contains_key(path) && self.rules.iter().any(|rule| rule.takes(path)));
        changed
    }

    fn look_at_one(&mut self, path: &Path, entering: Entering<'_>, changed: &mut BTreeSet<PathBuf>) {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                let known = self.below(path);
                self.read_folder(path, entering);
                let now = self.below(path);
                let differs = |file: &&PathBuf| known.get(*file) != now.get(*file);
                changed.extend(known.keys().chain(now.keys()).filter(differs).cloned());
            }
            Ok(_) => changed.extend(self.read_file(path).then(|| path.to_owned())),
            Err(_) => {
                let gone: Vec<PathBuf> = self.below(path).into_keys().collect();
                self.files.retain(|file, _| !file.starts_with(path));
                changed.extend(gone);
            }
        }
    }

    fn below(&self, path: &Path) -> BTreeMap<PathBuf, Stamp> {
        let from = self.files.range(path.to_owned()..);
        from.take_while(|(file, _)| file.starts_with(path))
            .map(|(file, stamp)| (file.clone(), *stamp))
            .collect()
    }

    /// All that rules begin with, in `folder` or at it.
    fn roots_in(&self, folder: &Path) -> BTreeSet<PathBuf> {
        self.rules.iter().map(|rule| rule.path.clone()).filter(|root| root.starts_with(folder)).collect()
    }

    fn read_roots(&mut self, entering: Entering<'_>) {
        for root in self.roots_in(Path::new("/")) {
            self.read_root(&root, entering);
        }
    }

    fn read_root(&mut self, root: &Path, entering: Entering<'_>) {
        if root.is_dir() {
            return self.walk(root, entering);
        }
        // A file is saved by a rename: its folder knows. Where that is not there yet, one above it.
        if let Some(folder) = root.ancestors().skip(1).find(|folder| folder.is_dir()) {
            entering(folder);
        }
        self.read_file(root);
    }

    /// Takes a file as it is; whether it has changed.
    fn read_file(&mut self, path: &Path) -> bool {
        let is_taken = self.rules.iter().any(|rule| rule.takes(path));
        self.keep(path, is_taken)
    }

    fn keep(&mut self, path: &Path, is_taken: bool) -> bool {
        // One that a link leads to counts as well.
        let found = is_taken.then(|| fs::metadata(path).ok()).flatten().filter(Metadata::is_file);
        match found {
            Some(found) => {
                let stamp = Stamp::of(&found);
                self.files.insert(path.to_owned(), stamp) != Some(stamp)
            }
            None => self.files.remove(path).is_some(),
        }
    }

    /// Takes a folder as it is, and what begins below it.
    fn read_folder(&mut self, folder: &Path, entering: Entering<'_>) {
        for file in self.below(folder).into_keys() {
            self.files.remove(&file);
        }
        self.walk(folder, entering);
        let roots = self.roots_in(folder);
        roots.iter().filter(|root| *root != folder).for_each(|root| self.read_root(root, entering));
    }

    fn walk(&mut self, folder: &Path, entering: Entering<'_>) {
        let all = 0..self.rules.len();
        let reaching = all.filter(|number| self.rules[*number].reaches(folder)).collect();
        let mut next: Vec<(PathBuf, Vec<usize>)> = vec![(folder.to_owned(), reaching)];
        while let Some((folder, reaching)) = next.pop() {
            if reaching.is_empty() {
                continue;
            }
            entering(&folder);
            for number in &reaching {
                if let Some(git) = &mut self.rules[*number].git {
                    git.read(&folder);
                }
            }
            // What cannot be read cannot be watched either, and belongs to somebody else.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let may = |number: &usize| self.rules[*number].path == path || reaching.contains(number);
                let rules = (0..self.rules.len()).filter(may);
                // A link to a folder may lead round in a circle.
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let rules = rules.filter(|number| self.rules[*number].enters(&path)).collect();
                    next.push((path, rules));
                } else {
                    let is_taken = { rules }.any(|number| self.rules[number].takes_here(&path));
                    self.keep(&path, is_taken);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::git::GitIgnored;
    use crate::rule::Rule;
    use backlot_project::stack::{WatchAction, WatchRule};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn said(path: PathBuf) -> Rule {
        let rule = WatchRule {
            path,
            action: WatchAction::Restart,
            target: None,
            ignore: Vec::new(),
            include: Vec::new(),
            initial_sync: false,
            exec: None,
        };
        Rule::said("web", (0, &rule), None).unwrap()
    }

    fn source(path: &Path) -> Rule {
        Rule::of_source("web", path, (None, GitIgnored::around(path, path)), &[])
    }

    fn look(tree: &mut Tree, top: &Path, paths: &[&str]) -> Vec<String> {
        let paths: BTreeSet<PathBuf> = paths.iter().map(|path| top.join(path)).collect();
        let changed = tree.look_at(&paths, &mut |_| {});
        let all = tree.look_at_all(&mut |_| {});
        assert!(all.is_empty(), "looking at all of it finds more: {all:?}");
        changed.iter().map(|path| path.strip_prefix(top).unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_is_written_renamed_removed_or_new_has_changed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        fs::create_dir(top.join("lib")).unwrap();
        fs::write(top.join("app.py"), "1").unwrap();
        fs::write(top.join("lib/a.py"), "1").unwrap();
        let mut entered = Vec::new();
        let mut tree = Tree::new(vec![source(top)], &mut |folder| entered.push(folder.to_owned()));
        assert_eq!(entered, [top.to_owned(), top.join("lib")]);
        let mut look = |paths: &[&str]| look(&mut tree, top, paths);

        assert!(look(&["app.py", "lib", "other"]).is_empty());
        fs::write(top.join("app.py"), "12").unwrap();
        assert_eq!(look(&["app.py"]), ["app.py"]);
        fs::write(top.join("app.new~"), "12").unwrap();
        fs::rename(top.join("app.new~"), top.join("app.py")).unwrap();
        assert_eq!(look(&["app.new~", "app.py"]), ["app.py"]);
        fs::create_dir_all(top.join("new/deep")).unwrap();
        fs::write(top.join("new/deep/b.py"), "1").unwrap();
        assert_eq!(look(&["new"]), ["new/deep/b.py"]);
        fs::rename(top.join("new"), top.join("old")).unwrap();
        assert_eq!(look(&["new", "old"]), ["new/deep/b.py", "old/deep/b.py"]);
        fs::remove_dir_all(top.join("lib")).unwrap();
        assert_eq!(look(&["lib"]), ["lib/a.py"]);
        fs::create_dir(top.join("node_modules")).unwrap();
        fs::write(top.join("node_modules/x.js"), "1").unwrap();
        assert!(look(&["node_modules", "node_modules/x.js"]).is_empty());
    }

    #[test]
    fn another_gitignore_changes_what_is_looked_at_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        for name in ["app.py", "made.js"] {
            fs::write(top.join(name), "1").unwrap();
        }
        let mut tree = Tree::new(vec![source(top)], &mut |_| {});
        fs::write(top.join(".gitignore"), "made.js").unwrap();
        assert!(look(&mut tree, top, &[".gitignore"]).is_empty());
        fs::write(top.join("made.js"), "12").unwrap();
        assert!(look(&mut tree, top, &["made.js"]).is_empty());
        fs::write(top.join(".gitignore"), "").unwrap();
        fs::write(top.join("app.py"), "12").unwrap();
        assert_eq!(look(&mut tree, top, &[".gitignore", "app.py"]), ["app.py"]);
        fs::write(top.join("made.js"), "123").unwrap();
        assert_eq!(look(&mut tree, top, &["made.js"]), ["made.js"]);
    }

    #[test]
    fn rules_begin_at_files_at_what_is_not_there_yet_and_below_what_others_leave_out() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        fs::create_dir(top.join("target")).unwrap();
        fs::create_dir(top.join("target/static")).unwrap();
        fs::write(top.join("target/static/a.css"), "1").unwrap();
        fs::write(top.join("package.json"), "1").unwrap();
        let rules = ["target/static", "package.json", "dist/out"].map(|path| said(top.join(path)));
        let rules = rules.into_iter().chain([source(&top.join("src"))]).collect();
        let mut entered = BTreeSet::new();
        let mut tree = Tree::new(rules, &mut |folder| entered.extend([folder.to_owned()]));
        assert_eq!(entered, BTreeSet::from([top.to_owned(), top.join("target/static")]));
        let mut look = |paths: &[&str]| look(&mut tree, top, paths);
        fs::write(top.join("package.json"), "12").unwrap();
        fs::write(top.join("other.json"), "12").unwrap();
        assert_eq!(look(&["package.json", "other.json", "target"]), ["package.json"]);
        fs::write(top.join("target/static/a.css"), "12").unwrap();
        assert_eq!(look(&["target/static/a.css"]), ["target/static/a.css"]);
        fs::create_dir_all(top.join("dist/out/deep")).unwrap();
        fs::write(top.join("dist/out/deep/x"), "1").unwrap();
        assert_eq!(look(&["dist"]), ["dist/out/deep/x"]);
    }
}
