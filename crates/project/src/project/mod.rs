//! A project: its directory, its layout, its environments and scenarios.

mod environment;
mod faults;
mod find;
mod listing;
mod moved;
mod scenario;
mod variables;

pub use variables::variables_in;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ProjectError;
use crate::name::EnvironmentName;
use crate::stack::Moved;
use crate::stack::Stack;
use crate::variables::Variables;

/// What a caller says about which project it means.
#[derive(Clone, Default)]
pub struct Lookup {
    /// Where to start, absolute; the project is this directory or one above it.
    pub start_dir: PathBuf,
    /// Compose files named with `-f`, relative to `start_dir`; they replace the search for Compose files.
    pub compose_files: Vec<PathBuf>,
    /// The project name given with `-p`.
    pub project_name: Option<String>,
    /// Files named with `--env-file`, relative to `start_dir`; they replace `.env` and `.env.<env>`.
    pub env_files: Vec<PathBuf>,
    /// Profiles named with `--profile`.
    pub profiles: Vec<String>,
    /// The services that the caller names: one that is switched off switches its profiles on.
    pub named: Vec<String>,
    /// The caller's environment.
    pub process_env: BTreeMap<String, String>,
    /// The names of variables that the caller has and that are not used: a file that refers to one is told of.
    pub withheld: BTreeSet<String>,
}

/// Without the values of the caller's environment.
impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lookup = f.debug_struct("Lookup");
        lookup.field("start_dir", &self.start_dir).field("compose_files", &self.compose_files);
        lookup.field("project_name", &self.project_name).field("env_files", &self.env_files);
        lookup.field("profiles", &self.profiles).finish_non_exhaustive()
    }
}

/// How a project lays out its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `config/<env>.json` and `docker/<env>.yml`.
    Seed,
    /// `compose.yaml` and `.env`, each overlaid by the environment's own.
    Compose,
}

/// A project: a directory with Compose and config files.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    name: String,
    layout: Layout,
    lookup: Lookup,
    compose: ComposeFiles,
}

/// The Compose files that every environment begins with; none in the seed layout, unless `-f` names some.
#[derive(Debug, Clone, Default)]
struct ComposeFiles {
    base: Vec<PathBuf>,
    /// `compose.override.yaml`, which Compose itself would add.
    override_file: Option<PathBuf>,
    /// Whether the caller named the files, so that no environment's own are added.
    explicit: bool,
}

/// An environment: its variables and its stack.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The environment's name.
    pub name: EnvironmentName,
    /// The variables that its files name, with the caller's values where the caller sets them; and the environment's own
    /// name in `APPLICATION_CONFIG`, the scenario's in `APPLICATION_SCENARIO_NAME`.
    pub variables: Variables,
    /// The files read, absolute, in the order of reading.
    pub files: Vec<PathBuf>,
    /// How Compose itself would be called for this environment.
    pub compose: ComposeCall,
    /// The services, resolved.
    pub stack: Stack,
    /// Whether every service gets the variables, as the seed layout's config file is for all; else a service gets what its
    /// own `environment` and `env_file` say.
    pub for_all: bool,
    /// Whether it bears names of its own beside the same one of another checkout: then its files are not what is handed on.
    pub apart: bool,
    /// The published ports that are others than the files say.
    pub moved: Moved,
    /// What has to be known of the choice of files.
    pub notes: Vec<String>,
    /// What Compose would warn about, such as a variable that is not set.
    pub warnings: Vec<String>,
    /// Where the files refer to variables of the caller that are not used, see [`Lookup::withheld`].
    pub withheld: Vec<String>,
}

/// How Compose itself is called for an environment, for an engine that hands it the project's own files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeCall {
    /// The Compose files, absolute, in their order (`-f`).
    pub files: Vec<PathBuf>,
    /// The directory that relative paths in them are taken from (`--project-directory`).
    pub working_dir: PathBuf,
    /// The directory that it is called from: what `${PWD}` means in them.
    pub caller_dir: PathBuf,
    /// The profiles that are on (`--profile`).
    pub profiles: Vec<String>,
    /// The files of variables that the caller named (`--env-file`), absolute.
    pub env_files: Vec<PathBuf>,
}

/// What fills a scenario's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioSource {
    /// A module with `run()`.
    Python {
        /// The file.
        file: PathBuf,
        /// The module's dotted name: `scenarios.users`.
        module: String,
    },
    /// SQL for psql.
    Sql {
        /// The file.
        file: PathBuf,
    },
    /// A cargo example of that name.
    CargoExample {
        /// The file.
        file: PathBuf,
        /// The example's name.
        name: String,
    },
    /// A program.
    Executable {
        /// The file.
        file: PathBuf,
    },
    /// A folder of `.sql` and `.csv` files.
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Its files, in name order.
        files: Vec<PathBuf>,
    },
    /// No file: an empty database.
    Empty,
}

impl ScenarioSource {
    /// The file or folder; none for an empty database.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Empty => None,
            Self::Python { file, .. }
            | Self::Sql { file }
            | Self::CargoExample { file, .. }
            | Self::Executable { file } => Some(file),
            Self::Folder { dir, .. } => Some(dir),
        }
    }
}

impl Project {
    /// The project's directory, canonical.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project's name, as Compose would have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same project for a caller who names these services.
    #[must_use]
    pub fn naming(mut self, services: impl IntoIterator<Item = String>) -> Self {
        self.lookup.named.extend(services);
        self
    }

    /// The same project in another checkout, in which it is in `root`.
    ///
    /// # Errors
    /// When there is none.
    pub fn beside(&self, root: &Path) -> Result<Self, ProjectError> {
        Self::find(Lookup { start_dir: root.to_owned(), ..self.lookup.clone() })
    }

    /// Whether the caller has named it (`-p`).
    pub fn is_named(&self) -> bool {
        self.lookup.project_name.is_some()
    }

    /// The same project by another name.
    #[must_use]
    pub fn called(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// How the project lays out its files.
    pub fn layout(&self) -> Layout {
        self.layout
    }
}
