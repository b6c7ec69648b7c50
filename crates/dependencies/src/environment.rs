//! What a service needs, and where on this machine that is or will be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backlot_dockerfile::{Argument, Install, Installs, Kind, Tool};

use crate::builds::Built;
use crate::error::DependencyError;
use crate::folder::MARK;
use crate::key::Key;
use crate::machine::{Interpreter, Machine, Version, is_executable};
use crate::modules::NAME;
use crate::node::{as_node_of, as_npm_of};
use crate::requires::Requirement;
use crate::tool_version;

/// Where images have programs and packages of all.
const SYSTEM: [&str; 4] = ["/usr/local", "/usr", "/root/.local", "/"];

/// Whose packages they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecosystem {
    /// Python's.
    Python,
    /// Node's.
    Node,
    /// Ruby's.
    Ruby,
    /// Nobody's: what is built of the project's own files.
    Built,
}

/// Packages that are installed together.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Whose they are.
    pub ecosystem: Ecosystem,
    /// Where they are, once they are installed.
    pub folder: PathBuf,
    /// What is installed, in this order.
    pub installs: Vec<Install>,
    /// The version of the interpreter.
    pub version: Option<Version>,
    pub(crate) interpreter: PathBuf,
    /// Whether that is another one than what PATH leads to.
    pub(crate) is_apart: bool,
    /// The tools that are installed first, as this machine has none.
    pub(crate) tools: Vec<Environment>,
    /// The packages of a system that the image has, with which some are built.
    pub(crate) system: Vec<String>,
    /// What is built, where that is it.
    pub(crate) built: Option<Arc<Built>>,
    /// The variable by which this machine's interpreter does as the image's own, where it does otherwise.
    pub(crate) as_in_image: Option<(&'static str, &'static str)>,
}

/// What an image has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Its Python.
    pub python: Option<Version>,
    /// Its Node.
    pub node: Option<Version>,
}

/// What `installs` come to on this machine, in `home`.
///
/// # Errors
/// When what would install it is missing.
pub fn environments(
    installs: &Installs,
    wanted: Wanted,
    machine: Machine<'_>,
    home: &Path,
) -> Result<Vec<Environment>, DependencyError> {
    let of = |ecosystem| {
        let all = installs.all.iter().filter(|install| ecosystem_of(install) == Some(ecosystem));
        all.cloned().collect::<Vec<_>>()
    };
    let chooser = Chooser { wanted, machine, home, specs: &installs.tools };
    let mut all = Vec::new();
    let python = of(Ecosystem::Python);
    if !python.is_empty() {
        all.push(chooser.python(last_of_each(python))?);
    }
    // Each folder has modules of its own.
    for install in last_of_each(of(Ecosystem::Node)) {
        all.push(chooser.node(install)?);
    }
    for install in last_of_each(of(Ecosystem::Ruby)) {
        all.push(chooser.ruby(install)?);
    }
    for environment in &mut all {
        environment.system = installs.packages.iter().map(|package| package.name.clone()).collect();
    }
    Ok(all)
}

fn ecosystem_of(install: &Install) -> Option<Ecosystem> {
    match install.kind {
        Kind::Pip { .. } | Kind::Sync { .. } => Some(Ecosystem::Python),
        Kind::Modules { .. } | Kind::Globals(_) => Some(Ecosystem::Node),
        Kind::Gems { .. } => Some(Ecosystem::Ruby),
        Kind::Export { .. } => None,
    }
}

/// What is brought in line with the same lock file twice is so as the last one has it.
fn last_of_each(installs: Vec<Install>) -> Vec<Install> {
    let is_again = |one: &Install, other: &Install| {
        let same = match (&one.kind, &other.kind) {
            (Kind::Sync { tool, .. }, Kind::Sync { tool: second, .. })
            | (Kind::Modules { tool, .. }, Kind::Modules { tool: second, .. }) => tool == second,
            (Kind::Gems { .. }, Kind::Gems { .. }) => true,
            (one, other) => one == other,
        };
        same && one.directory == other.directory
    };
    let mut kept: Vec<Install> = Vec::new();
    for install in installs {
        kept.retain(|earlier| !is_again(earlier, &install));
        kept.push(install);
    }
    kept
}

struct Chooser<'c> {
    wanted: Wanted,
    machine: Machine<'c>,
    home: &'c Path,
    specs: &'c BTreeMap<Tool, String>,
}

impl Chooser<'_> {
    fn python(&self, installs: Vec<Install>) -> Result<Environment, DependencyError> {
        let said = installs.first().map(|install| install.said.clone()).unwrap_or_default();
        let directory = installs.first().map(|install| install.directory.clone()).unwrap_or_default();
        let required = Requirement::of(&installs);
        let is_allowed = |version| required.iter().all(|requirement| requirement.allows(version));
        let Interpreter { program, version } = self
            .machine
            .python(self.wanted.python, &directory, &is_allowed)
            .map_err(|found| DependencyError::no_python(said, &required, found, self.wanted.python))?;
        let mut tools = Vec::new();
        for install in &installs {
            let tool = match install.kind {
                Kind::Sync { tool, .. } => tool,
                Kind::Pip { by_uv: true, .. } => Tool::Uv,
                Kind::Pip { .. }
                | Kind::Export { .. }
                | Kind::Modules { .. }
                | Kind::Globals(_)
                | Kind::Gems { .. } => continue,
            };
            if self.machine.on_path(tool.name()).is_none() {
                tools.push(self.tool_of_python(tool, install, &program, version)?);
            }
        }
        tools.dedup_by(|one, other| one.folder == other.folder);
        let mut key = Key::new("python");
        key.add(program.canonicalize().unwrap_or_else(|_| program.clone()).as_os_str().as_encoded_bytes());
        key.add(version.to_string());
        key.add(if self.machine.on_path("uv").is_some() { "uv" } else { "pip" });
        installs.iter().try_for_each(|install| key.install(install))?;
        let folder = self.home.join(format!("python-{version}-{}", key.finish()));
        let version = Some(version);
        Ok(Environment {
            ecosystem: Ecosystem::Python,
            folder,
            installs,
            version,
            interpreter: program,
            is_apart: false,
            tools,
            system: Vec::new(),
            built: None,
            as_in_image: None,
        })
    }

    /// A tool of Python's in an environment of its own, for what it needs itself.
    fn tool_of_python(
        &self,
        tool: Tool,
        user: &Install,
        program: &Path,
        version: Version,
    ) -> Result<Environment, DependencyError> {
        // As poetry's own installer has it.
        let version_of =
            |name: &str| user.variables.get(name).map(|version| format!("{}=={version}", tool.name()));
        let named = self.specs.get(&tool).cloned();
        let named = named.or_else(|| version_of("POETRY_VERSION").filter(|_| tool == Tool::Poetry));
        let spec = named.unwrap_or_else(|| tool.name().to_owned());
        let install = Install {
            said: format!("pip install {spec}"),
            place: PathBuf::from("/usr/local"),
            directory: PathBuf::new(),
            variables: BTreeMap::new(),
            kind: Kind::Pip { arguments: vec![Argument::Package(spec)], by_uv: false },
        };
        let mut key = Key::new("tool");
        key.add(program.as_os_str().as_encoded_bytes());
        key.install(&install)?;
        Ok(Environment {
            ecosystem: Ecosystem::Python,
            folder: self.home.join(format!("{}-{}", tool.name(), key.finish())),
            installs: vec![install],
            version: Some(version),
            interpreter: program.to_owned(),
            is_apart: false,
            tools: Vec::new(),
            system: Vec::new(),
            built: None,
            as_in_image: None,
        })
    }

    fn node(&self, mut install: Install) -> Result<Environment, DependencyError> {
        let no_tool = |program| DependencyError::NoTool { program, said: install.said.clone() };
        let Interpreter { program, version } =
            self.machine.node(self.wanted.node).ok_or_else(|| no_tool("node"))?;
        let is_apart = self.machine.on_path("node").as_ref() != Some(&program);
        let has_npm = program.parent().is_some_and(|bin| is_executable(&bin.join("npm")));
        let mut tools = Vec::new();
        let tool = match &install.kind {
            Kind::Modules { tool, .. } => *tool,
            Kind::Globals(_)
            | Kind::Pip { .. }
            | Kind::Sync { .. }
            | Kind::Export { .. }
            | Kind::Gems { .. } => Tool::Npm,
        };
        if self.machine.on_path(tool.name()).is_none() && !(tool == Tool::Npm && has_npm) {
            if tool == Tool::Npm || (self.machine.on_path("npm").is_none() && !has_npm) {
                return Err(no_tool("npm"));
            }
            let spec = tool_version::spec(self.specs.get(&tool), &install.directory, tool);
            let own = Install {
                said: format!("npm install {spec}"),
                kind: Kind::Globals(vec![spec]),
                variables: BTreeMap::new(),
                ..install.clone()
            };
            tools.push(self.node(own)?);
        }
        if let Some((name, value)) = as_npm_of(self.wanted.node, version).filter(|_| tool == Tool::Npm) {
            install.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        let mut key = Key::new("node");
        key.add(version.to_string());
        key.install(&install)?;
        Ok(Environment {
            ecosystem: Ecosystem::Node,
            folder: self.home.join(format!("node-{version}-{}", key.finish())),
            installs: vec![install],
            version: Some(version),
            interpreter: program,
            is_apart,
            tools,
            system: Vec::new(),
            built: None,
            as_in_image: as_node_of(self.wanted.node, version),
        })
    }

    fn ruby(&self, install: Install) -> Result<Environment, DependencyError> {
        let no_tool = || DependencyError::NoTool { program: "bundle", said: install.said.clone() };
        let interpreter = self.machine.on_path("bundle").ok_or_else(no_tool)?;
        let mut key = Key::new("ruby");
        key.add(
            interpreter.canonicalize().unwrap_or_else(|_| interpreter.clone()).as_os_str().as_encoded_bytes(),
        );
        key.install(&install)?;
        let folder = self.home.join(format!("ruby-{}", key.finish()));
        let installs = vec![install];
        Ok(Environment {
            ecosystem: Ecosystem::Ruby,
            folder,
            installs,
            version: None,
            interpreter,
            is_apart: false,
            tools: Vec::new(),
            system: Vec::new(),
            built: None,
            as_in_image: None,
        })
    }
}

impl Environment {
    /// Whether it is there, all of it.
    pub fn is_whole(&self) -> bool {
        let has_interpreter = match self.ecosystem {
            Ecosystem::Python => is_executable(&self.folder.join("bin/python")),
            Ecosystem::Node | Ecosystem::Ruby | Ecosystem::Built => true,
        };
        has_interpreter && self.folder.join(MARK).is_file()
    }

    /// The lines that install it, for people.
    pub fn said(&self) -> String {
        if let Some(built) = &self.built {
            return built.said();
        }
        let lines: Vec<&str> = self.installs.iter().map(|install| install.said.as_str()).collect();
        lines.join("; ")
    }

    /// Where its programs are, and the tools that it was made with (`pnpm run`, `uv run`): first on PATH.
    pub fn programs(&self) -> Vec<PathBuf> {
        let own = match self.ecosystem {
            // What it is built with is not what it needs.
            Ecosystem::Built => return Vec::new(),
            Ecosystem::Python | Ecosystem::Ruby => self.folder.join("bin"),
            Ecosystem::Node => self.folder.join("node_modules/.bin"),
        };
        let apart = self.interpreter.parent().filter(|_| self.is_apart).map(Path::to_owned);
        let tools = self.tools.iter().flat_map(Self::programs);
        let mut all: Vec<PathBuf> = [own].into_iter().chain(apart).chain(tools).collect();
        all.dedup();
        all
    }

    /// The variables by which programs know it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let folder = self.folder.display().to_string();
        match self.ecosystem {
            Ecosystem::Python => {
                // `uv run` is not to make another one in the project.
                let is_synced = |install: &Install| matches!(install.kind, Kind::Sync { tool: Tool::Uv, .. });
                let of_uv = if self.installs.iter().any(is_synced) {
                    vec![("UV_PROJECT_ENVIRONMENT", folder.clone()), ("UV_NO_SYNC", "1".into())]
                } else {
                    Vec::new()
                };
                [("VIRTUAL_ENV", folder)].into_iter().chain(of_uv).collect()
            }
            Ecosystem::Node => {
                self.as_in_image.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
            }
            Ecosystem::Built => Vec::new(),
            Ecosystem::Ruby => vec![
                ("BUNDLE_PATH", format!("{folder}/gems")),
                ("BUNDLE_APP_CONFIG", format!("{folder}/config")),
                ("BUNDLE_BIN", format!("{folder}/bin")),
            ],
        }
    }

    /// What of it is where the image has it, and nothing of the machine's is: there, and here.
    pub fn seen(&self) -> Vec<(PathBuf, PathBuf)> {
        match self.ecosystem {
            Ecosystem::Python => {
                let places = self.installs.iter().map(|install| &install.place);
                let own = places.filter(|place| !SYSTEM.iter().any(|dir| *place == Path::new(dir)));
                own.map(|place| (place.clone(), self.folder.clone())).collect()
            }
            Ecosystem::Node => {
                let above =
                    self.installs.first().filter(|install| matches!(install.kind, Kind::Modules { .. }));
                let Some(place) = above.map(|install| &install.place) else { return Vec::new() };
                let above = place.parent().unwrap_or(place);
                let there = |rest: &Path| {
                    if rest == Path::new(NAME) { place.clone() } else { above.join(rest) }
                };
                let all = self.marked();
                all.into_iter().map(|rest| (there(&rest), self.folder.join(&rest))).collect()
            }
            Ecosystem::Ruby => Vec::new(),
            Ecosystem::Built => {
                let built = self.built.iter();
                built.flat_map(|built| built.seen(&self.folder, &self.marked())).collect()
            }
        }
    }

    /// The folder with modules, for programs that cannot have it beside their own files.
    pub fn node_path(&self) -> Option<PathBuf> {
        (self.ecosystem == Ecosystem::Node).then(|| self.folder.join("node_modules"))
    }

    /// What its mark names: folders with modules, or what has been built, below its own.
    fn marked(&self) -> Vec<PathBuf> {
        let text = backlot_files::text(&self.folder.join(MARK)).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()
    }
}
