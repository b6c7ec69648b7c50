//! What comes of a Dockerfile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backlot_project::stack::{Healthcheck, Image};

use crate::brought::is_script;
use crate::copies::{Copies, fits};
use crate::installs::Installs;
use crate::workshop::Made;

/// Programs that install packages, which are often copied from an image of their own; one of a tool's image is at its root.
const TOOLS: [&str; 3] = ["uv", "uvx", "uv*"];

/// What the last stage, or the one that was asked for, starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// The image that it is made from, through its stages; none when that is empty (`scratch`).
    pub base: Option<Image>,
    /// `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// `CMD`.
    pub cmd: Option<Vec<String>>,
    /// `WORKDIR`.
    pub working_dir: Option<String>,
    /// `EXPOSE`.
    pub ports: Vec<u16>,
    /// `ENV`.
    pub variables: BTreeMap<String, String>,
    /// `USER`.
    pub user: Option<String>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<String>,
    /// `HEALTHCHECK`.
    pub healthcheck: Option<Healthcheck>,
    /// `VOLUME`.
    pub volumes: Vec<PathBuf>,
    /// `COPY` and `ADD`.
    pub copies: Copies,
    /// What its commands take away (`rm`), where patterns may be.
    pub removed: Vec<PathBuf>,
    /// Whether it makes files executable that need not be so in the project.
    pub makes_executable: bool,
    /// Whether commands are run for it.
    pub runs: bool,
    /// Lines whose effect on the image nothing has here, but for commands.
    pub undone: Vec<String>,
    /// What those install.
    pub installs: Installs,
    /// What is built of the project's files, in this stage or another.
    pub made: Vec<Made>,
}

impl Dockerfile {
    /// Whether one of its commands takes away what the image that it is made from has at a path.
    pub fn removes(&self, path: &Path) -> bool {
        let is_meant = |gone: &Path, path: &Path| {
            gone.components().count() == path.components().count()
                && gone.components().zip(path.components()).all(|(gone, part)| {
                    fits(&gone.as_os_str().to_string_lossy(), &part.as_os_str().to_string_lossy())
                })
        };
        self.removed.iter().any(|gone| path.ancestors().any(|path| is_meant(gone, path)))
    }

    /// What of its lines has no effect outside of an image, as the file has it: no variable's value is in it.
    pub fn without_effect(&self) -> Vec<String> {
        let runs = self.installs.undone.iter().map(|said| format!("RUN {said}"));
        let is_installed = |target: &Path| self.installs.all.iter().any(|one| one.place.starts_with(target));
        // A tool that installs packages is looked for here.
        let is_tool = |what: &str| {
            let path = Path::new(what.split(" of ").next().unwrap_or_default());
            path.file_name().is_some_and(|name| TOOLS.iter().any(|tool| name == *tool)) || is_script(what)
        };
        let made = self.copies.made.iter().filter(|(target, what)| !is_installed(target) && !is_tool(what));
        let made = made.map(|(target, what)| format!("COPY {what} to {}", target.display()));
        self.undone.iter().cloned().chain(runs).chain(made).collect()
    }
}
