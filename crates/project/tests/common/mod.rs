//! Throw-away projects for tests.

#![expect(clippy::expect_used, reason = "what a test needs and lacks may end it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use backlot_project::{EnvironmentName, Lookup, Project, ProjectError, ScenarioName};

/// A project's files in a temporary directory called `shop`.
pub(crate) struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("shop")).expect("a directory");
        let this = Self { dir };
        for (path, text) in files {
            this.write(path, text);
        }
        this
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("the temporary directory").join("shop")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn make_executable(&self, path: &str) {
        fs::set_permissions(self.root().join(path), fs::Permissions::from_mode(0o755)).expect("permissions");
    }

    pub(crate) fn lookup(&self) -> Lookup {
        Lookup { start_dir: self.root(), ..Lookup::default() }
    }

    pub(crate) fn project(&self) -> Project {
        Project::find(self.lookup()).expect("a project")
    }
}

pub(crate) fn process(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).expect("a name")
}

pub(crate) fn scenario(name: &str) -> ScenarioName {
    ScenarioName::parse(name).expect("a name")
}

/// What an error says, with its place relative to a root: `compose.yaml:3:5 key-unknown: …`.
pub(crate) fn told(error: &ProjectError, root: &Path) -> String {
    let message = error.to_string().replace(&format!("{}/", root.display()), "");
    match error.location() {
        Some(at) => {
            let path = at.path.strip_prefix(root).unwrap_or(&at.path).display();
            format!("{path}:{}:{} {}: {message}", at.line, at.column, error.code())
        }
        None => format!("{}: {message}", error.code()),
    }
}
