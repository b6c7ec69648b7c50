//! What decides which packages there are, as a hash.

use std::path::{Path, PathBuf};

use backlot_dockerfile::{Argument, Install, Kind, Tool};
use backlot_watch::Patterns;
use sha2::{Digest, Sha256};

use crate::error::DependencyError;
use crate::project::{Requirements, live, locals_of_lock};
use crate::sources;

/// Files of a Python project that say what it needs.
const OF_PYTHON: [&str; 7] =
    ["pyproject.toml", "setup.py", "setup.cfg", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock"];
/// Files of a Node project that say what it needs.
const OF_NODE: [&str; 9] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
];
/// Beginnings of variables that tools read.
const READ: [&str; 7] = ["PIP_", "UV_", "POETRY_", "PIPENV_", "BUNDLE_", "npm_config_", "NPM_CONFIG_"];

/// A hash that grows.
pub(crate) struct Key(Sha256);

impl Key {
    pub(crate) fn new(kind: &str) -> Self {
        let mut key = Self(Sha256::new());
        key.add(kind);
        key
    }

    pub(crate) fn add(&mut self, text: impl AsRef<[u8]>) {
        self.0.update(text.as_ref().len().to_le_bytes());
        self.0.update(text);
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        let word = self.0.finalize().iter().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        format!("{word:016x}")
    }

    fn path(&mut self, path: &Path) {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.add(path.as_os_str().as_encoded_bytes());
    }

    fn file(&mut self, file: &Path) {
        self.add(backlot_files::bytes(file, backlot_files::MOST).unwrap_or_default());
    }

    fn files(&mut self, folder: &Path, names: &[&str]) {
        for name in names {
            self.file(&folder.join(name));
        }
    }

    /// A folder or archive that is installed itself: of one whose sources count as they are, what says how.
    fn local(&mut self, path: &Path) -> Result<(), DependencyError> {
        self.path(path);
        if !path.is_dir() {
            self.file(path);
            return Ok(());
        }
        self.files(path, &OF_PYTHON);
        match live(path) {
            Some(_) => Ok(()),
            None => self.tree(path),
        }
    }

    /// A file, or a folder with its settings, as a build has it.
    pub(crate) fn sources(&mut self, path: &Path, ignored: Option<&Patterns>) -> Result<(), DependencyError> {
        if !path.is_dir() {
            self.file(path);
            return Ok(());
        }
        let mut settings: Vec<PathBuf> = sources::settings(path, ignored)?;
        settings.sort();
        for file in &settings {
            self.file(file);
        }
        self.tree_but(path, ignored)
    }

    /// All files below a folder: their names, sizes and times.
    fn tree(&mut self, path: &Path) -> Result<(), DependencyError> {
        self.tree_but(path, None)
    }

    fn tree_but(&mut self, path: &Path, ignored: Option<&Patterns>) -> Result<(), DependencyError> {
        for entry in sources::entries_but(path, ignored)?.iter().filter(|entry| !entry.kind.is_dir()) {
            self.add(entry.path.as_os_str().as_encoded_bytes());
            self.add(format!("{} {:?}", entry.size, entry.written));
        }
        Ok(())
    }

    /// What is installed.
    pub(crate) fn install(&mut self, install: &Install) -> Result<(), DependencyError> {
        for (name, value) in &install.variables {
            if name == "NODE_ENV" || READ.iter().any(|start| name.starts_with(start)) {
                self.add(format!("{name}={value}"));
            }
        }
        match &install.kind {
            Kind::Pip { arguments, by_uv } => {
                if *by_uv {
                    self.add("uv");
                }
                arguments.iter().try_for_each(|argument| self.argument(argument, &install.directory))
            }
            Kind::Sync { tool, arguments } => {
                self.add(format!("{} {arguments:?}", tool.name()));
                self.files(&install.directory, &OF_PYTHON);
                let own = Some(install.directory.clone()).filter(|_| !leaves_project(*tool, arguments));
                own.into_iter()
                    .chain(locals_of_lock(&install.directory))
                    .try_for_each(|path| self.local(&path))
            }
            Kind::Export { .. } => Ok(()),
            Kind::Modules { tool, arguments } => {
                self.add(format!("{} {arguments:?}", tool.name()));
                // What programs make in there of the project's files is the project's.
                self.path(&install.directory);
                for entry in sources::entries(&install.directory)? {
                    let name = entry.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                    let is_patch = entry
                        .path
                        .strip_prefix(&install.directory)
                        .is_ok_and(|rest| rest.starts_with("patches"));
                    if OF_NODE.contains(&name) || is_patch || name.ends_with(".prisma") {
                        self.add(entry.path.as_os_str().as_encoded_bytes());
                        self.file(&entry.path);
                    }
                }
                Ok(())
            }
            Kind::Globals(packages) => {
                self.add(format!("{packages:?}"));
                Ok(())
            }
            Kind::Gems { arguments } => {
                self.add(format!("{arguments:?}"));
                self.files(&install.directory, &["Gemfile", "Gemfile.lock", ".ruby-version"]);
                Ok(())
            }
        }
    }

    fn argument(&mut self, argument: &Argument, directory: &Path) -> Result<(), DependencyError> {
        match argument {
            Argument::Package(name) => self.add(format!("package {name}")),
            Argument::Option(option, value) => self.add(format!("{option} {value:?}")),
            Argument::File(option, file) => {
                self.add(option);
                let found = Requirements::read(file, directory);
                found.texts.iter().for_each(|text| self.add(text));
                found.locals.iter().try_for_each(|path| self.local(path))?;
            }
            Argument::Links(folder) => self.path(folder),
            Argument::Local(path, extras) => {
                self.add(extras);
                self.local(path)?;
            }
        }
        Ok(())
    }
}

/// By what the state of a folder of a project is known: another one when a file in it changes.
///
/// # Errors
/// When it cannot be read, or is too much to be copied.
pub fn state_of(folder: &Path) -> Result<String, DependencyError> {
    let mut key = Key::new("folder");
    key.tree(folder)?;
    Ok(key.finish())
}

/// Whether a tool is told not to install the project itself.
pub(crate) fn leaves_project(tool: Tool, arguments: &[String]) -> bool {
    let says = |word: &str| arguments.iter().any(|argument| argument == word);
    match tool {
        Tool::Uv => says("--no-install-project") || says("--only-dev"),
        Tool::Poetry => says("--no-root") || says("--only-root") || says("--no-directory"),
        Tool::Pipenv | Tool::Npm | Tool::Pnpm | Tool::Yarn => true,
    }
}

/// The folders of the project's own that an install names.
pub(crate) fn locals(install: &Install) -> Vec<PathBuf> {
    match &install.kind {
        Kind::Pip { arguments, .. } => arguments
            .iter()
            .flat_map(|argument| match argument {
                Argument::File(_, file) => Requirements::read(file, &install.directory).locals,
                Argument::Local(path, _) => vec![path.clone()],
                Argument::Package(_) | Argument::Option(..) | Argument::Links(_) => Vec::new(),
            })
            .collect(),
        Kind::Sync { tool, arguments } => {
            let own = Some(install.directory.clone()).filter(|_| !leaves_project(*tool, arguments));
            own.into_iter().chain(locals_of_lock(&install.directory)).collect()
        }
        Kind::Export { .. } | Kind::Modules { .. } | Kind::Globals(_) | Kind::Gems { .. } => Vec::new(),
    }
}
