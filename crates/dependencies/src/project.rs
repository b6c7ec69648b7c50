//! What the files of a Python project say of how it is installed.

use std::fs;
use std::path::{Path, PathBuf};

/// Requirements files name each other only so deep.
const MOST_DEEP: usize = 8;
/// What makes more than Python files of a project.
const COMPILERS: [&str; 8] = [
    "ext_modules",
    "cythonize",
    "maturin",
    "scikit-build",
    "scikit_build",
    "mesonpy",
    "rust_extensions",
    "pybind11",
];

/// The text of a file; nothing of one that cannot be read.
pub(crate) fn text(file: &Path) -> String {
    backlot_files::text(file).unwrap_or_default()
}

/// The folder from which the modules of a project are imported, if it can stand for what is installed of it: what is changed there
/// counts at once then.
pub(crate) fn live(project: &Path) -> Option<PathBuf> {
    let files = ["pyproject.toml", "setup.py", "setup.cfg"].map(|file| text(&project.join(file)));
    if COMPILERS.iter().any(|word| files.iter().any(|text| text.contains(word))) {
        return None;
    }
    let has_packages = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().join("__init__.py").exists())
    };
    let sources = project.join("src");
    if has_packages(&sources) {
        return Some(sources);
    }
    has_packages(project).then(|| project.to_owned())
}

/// Whether a project with this `pyproject.toml` is a package that is installed itself.
pub(crate) fn is_package(project: &Path) -> bool {
    let text = text(&project.join("pyproject.toml"));
    let says = |line: &str| text.lines().any(|one| one.replace(' ', "") == line);
    text.contains("[build-system]") && !says("package-mode=false") && !says("package=false")
}

/// A requirements file with all that it includes.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// What they say, one after another.
    pub(crate) texts: Vec<String>,
    /// Folders and archives of the project's own, seen from the directory in which pip works.
    pub(crate) locals: Vec<PathBuf>,
}

impl Requirements {
    /// Reads one for pip in `directory`.
    pub(crate) fn read(file: &Path, directory: &Path) -> Self {
        let mut all = Self::default();
        all.add(file, directory, 0);
        all
    }

    fn add(&mut self, file: &Path, directory: &Path, depth: usize) {
        let text = text(file);
        if depth < MOST_DEEP {
            for line in text.replace("\\\n", " ").lines() {
                self.line(line, file, directory, depth);
            }
        }
        self.texts.push(text);
    }

    fn line(&mut self, line: &str, file: &Path, directory: &Path, depth: usize) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let after = |options: &[&str]| {
            let rest = options.iter().find_map(|option| {
                let rest = line.strip_prefix(option)?;
                (rest.starts_with([' ', '=', '\t']) || !option.starts_with("--")).then_some(rest)
            })?;
            Some(rest.trim_start_matches([' ', '=', '\t']).trim())
        };
        if let Some(other) = after(&["--requirement", "--constraint", "-r", "-c"]) {
            if !other.contains("://") {
                self.add(&file.parent().unwrap_or(file).join(other), directory, depth + 1);
            }
            return;
        }
        let editable = after(&["--editable", "-e"]);
        let word = editable.unwrap_or(line);
        let word = word.split_once(" @ ").map_or(word, |(_, url)| url.trim());
        let path = word.split([';', '[']).next().unwrap_or_default().trim().trim_start_matches("file://");
        let path = path.strip_prefix("file:").unwrap_or(path);
        let is_archive = [".whl", ".tar.gz", ".zip"].iter().any(|end| path.ends_with(end));
        let is_local =
            path.starts_with(['.', '/']) || ((editable.is_some() || is_archive) && !path.is_empty());
        if is_local && !path.contains("://") {
            self.locals.push(directory.join(path));
        }
    }
}

/// The folders of the project's own that a lock file names, but for the project itself.
pub(crate) fn locals_of_lock(project: &Path) -> Vec<PathBuf> {
    let lock = text(&project.join("uv.lock"));
    let value = |line: &str, key: &str| {
        let rest = line.split_once(key)?.1.split_once('"')?.1;
        rest.split_once('"').map(|(path, _)| path.to_owned())
    };
    let of_uv = lock
        .lines()
        .filter(|line| line.starts_with("source = "))
        .filter_map(|line| value(line, "editable = ").or_else(|| value(line, "directory = ")));
    let lock = text(&project.join("poetry.lock"));
    let mut is_folder = false;
    let of_poetry = lock.lines().filter_map(|line| {
        if let Some(kind) = line.strip_prefix("type = ") {
            is_folder = kind == "\"directory\"";
        }
        line.starts_with("url = ").then(|| value(line, "url = ")).flatten().filter(|_| is_folder)
    });
    let all = of_uv.chain(of_poetry).filter(|path| !matches!(path.as_str(), "." | ""));
    all.map(|path| project.join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Requirements, live, locals_of_lock};
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_requirements_include_and_what_is_local_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir(root.join("requirements")).unwrap();
        let text = "# -r no\n-r base.txt\n--requirement=more.txt\n-c ../constraints.txt\n-e .\nflask>=3 # -e x\n\
                    ./wheels/a.whl\nname @ file:./pkg\n-e git+https://x/y.git#egg=y\nz @ https://x/z.whl\n-e lib[dev]\n";
        for (file, text) in [
            ("requirements/all.txt", text),
            ("requirements/base.txt", "one\n-r all.txt\n"),
            ("requirements/more.txt", "two\n"),
            ("constraints.txt", "three\n"),
        ] {
            fs::write(root.join(file), text).unwrap();
        }
        let mut found = Requirements::read(&root.join("requirements/all.txt"), root);
        assert!(
            ["one\n-r all.txt\n", "two\n", "three\n"]
                .iter()
                .all(|text| found.texts.contains(&(*text).into()))
        );
        found.locals.dedup();
        let mut locals: Vec<&Path> =
            found.locals.iter().map(|path| path.strip_prefix(root).unwrap()).collect();
        locals.sort();
        locals.dedup();
        assert_eq!(locals, [Path::new(""), Path::new("lib"), Path::new("pkg"), Path::new("wheels/a.whl")]);
    }

    #[test]
    fn locks_name_folders() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::write(
            root.join("uv.lock"),
            "[[package]]\nsource = { editable = \".\" }\nsource = { editable = \"libs/a\" }\n",
        )
        .unwrap();
        fs::write(root.join("poetry.lock"), "[package.source]\ntype = \"directory\"\nurl = \"libs/b\"\n")
            .unwrap();
        assert_eq!(locals_of_lock(root), [root.join("libs/a"), root.join("libs/b")]);
        fs::create_dir_all(root.join("src/app")).unwrap();
        assert_eq!(live(root), None);
        fs::write(root.join("src/app/__init__.py"), "").unwrap();
        assert_eq!(live(root), Some(root.join("src")));
        fs::write(root.join("setup.py"), "ext_modules=[]").unwrap();
        assert_eq!(live(root), None);
    }
}
