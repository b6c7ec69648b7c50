//! What an `up` is asked for, and what comes of it, on any engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::live::LiveDatabase;
use crate::record::Filling;

/// What an `up` is asked for besides.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Wishes {
    /// The services to run, with all that they depend on; none named means all.
    pub services: Vec<String>,
    /// Nothing that these depend on.
    pub no_deps: bool,
    /// How many replicas of a service run, where that is not what the files say.
    pub scale: BTreeMap<String, u32>,
    /// Make a throw-away environment anew.
    pub fresh: bool,
    /// Begin with no data, where a worktree would begin with the main checkout's.
    pub empty: bool,
    /// Start the database alone, for a command that needs it: what runs of it is not looked at again.
    pub database_only: bool,
    /// Build images anew, on an engine that has some.
    pub build: bool,
    /// Replace the services that are named, or all, even if they are as they were.
    pub recreate: bool,
    /// End services that the files do not have, even if only some are named.
    pub orphans: bool,
    /// How long what is replaced may take to end, in the place of what its files say.
    pub grace: Option<Duration>,
    /// Build no images: they are here, or their services do not start.
    pub no_build: bool,
    /// Install nothing: what services need is there, or they do not start.
    pub no_install: bool,
}

/// Packages that services need.
#[derive(Debug, Clone)]
pub struct Packages {
    /// The services.
    pub services: Vec<String>,
    /// What installs them, as their Dockerfiles have it.
    pub said: String,
    /// Where they are, once they are installed.
    pub folder: PathBuf,
    /// Whether they are there.
    pub is_there: bool,
    /// Whether they are built of the project's files.
    pub is_built: bool,
    /// Where their programs are, which come first on PATH.
    pub programs: Vec<PathBuf>,
    /// The variables by which programs know them.
    pub variables: Vec<(&'static str, String)>,
}

impl Packages {
    /// Variables with these packages in front.
    pub fn in_front(all: &[Self], mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if all.is_empty() {
            return variables;
        }
        let path = variables.get("PATH").cloned().unwrap_or_default();
        let programs = all.iter().flat_map(|packages| packages.programs.clone());
        if let Ok(path) = std::env::join_paths(programs.chain(std::env::split_paths(&path))) {
            variables.insert("PATH".into(), path.to_string_lossy().into_owned());
        }
        let own = all.iter().flat_map(|packages| packages.variables.clone());
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        variables
    }
}

/// A stack that is on its way up.
#[derive(Debug)]
pub struct Started {
    /// Its database, if it has one and it runs.
    pub database: Option<LiveDatabase>,
    /// Whether the database was up already.
    pub was_up: bool,
    /// The failure of what should have filled it: then no service was started.
    pub failure: Option<Failure>,
    /// Whether what was there before that failure is there again.
    pub kept: bool,
    /// How far the filling came.
    pub filling: Filling,
    /// The ports of this machine at which services beside the database are published.
    pub published: Vec<(String, u16)>,
    /// Whether there is a service beside the database.
    pub has_services: bool,
    /// The process that makes the next clone ahead of need.
    pub stock: Option<i32>,
}

/// A scenario that ran and failed; its database is kept to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Its exit code.
    pub code: u8,
}
