//! Docker's own programs, found once, and how they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use backlot_process::{Output, Printed, ProcessError, Program};
use backlot_state::DockerRecord;
use backlot_state::tools::on_path;

use crate::error::DockerError;

/// How long a question to the daemon may take to be answered.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Where Docker's own programs look for Compose, its plug-in.
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];
const PLUGIN: &str = "docker-compose";

/// Docker's programs as the caller would run them: with the caller's own variables, which say where the daemon is.
#[derive(Debug, Clone)]
pub struct Client {
    docker: PathBuf,
    variables: BTreeMap<String, String>,
    /// The program that Compose is, with its first arguments; looked for when it is needed.
    compose: OnceLock<Program>,
    /// How many seconds what is ended may take, in the place of what its files say.
    pub(super) grace: Option<u64>,
    /// What is taken for the record of an environment that has none.
    pub(super) adopted: Option<Box<DockerRecord>>,
}

impl Client {
    /// Finds `docker` on the caller's PATH. Whether a daemon answers is another question: [`Client::check`].
    ///
    /// # Errors
    /// [`DockerError::NoClient`].
    pub fn locate(caller: &BTreeMap<String, String>) -> Result<Self, DockerError> {
        let docker = on_path("docker", caller).ok_or(DockerError::NoClient)?;
        Ok(Self { docker, variables: caller.clone(), compose: OnceLock::new(), grace: None, adopted: None })
    }

    /// The same, for which what it ends may take no longer than `grace`.
    #[must_use]
    pub(super) fn hastening(&self, grace: Option<Duration>) -> Self {
        Self { grace: grace.map(|grace| grace.as_secs()), ..self.clone() }
    }

    /// A verb of Docker's or of Compose's that ends something, and how long that may take if it is said.
    pub(super) fn hastened(&self, verb: &str) -> Vec<String> {
        let option = self.grace.map(|seconds| ["-t".to_owned(), seconds.to_string()]);
        std::iter::once(verb.to_owned()).chain(option.into_iter().flatten()).collect()
    }

    /// Asks the daemon for its version: whether there is one for us.
    ///
    /// # Errors
    /// [`DockerError::NoDaemon`] or [`DockerError::Denied`].
    pub fn check(&self) -> Result<String, DockerError> {
        let output = self.ask(["version", "--format", "{{.Server.Version}}"])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The names of all Compose projects of which a container runs, asked for at once.
    ///
    /// # Errors
    /// As [`Client::check`].
    pub fn running_projects(&self) -> Result<BTreeSet<String>, DockerError> {
        let label = "{{.Label \"com.docker.compose.project\"}}";
        let output = self.ask(["ps", "--format", label])?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect())
    }

    /// `docker` with arguments.
    pub(super) fn docker<A: Into<OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Program {
        Program::new(&self.docker).args(arguments).envs(&self.variables)
    }

    /// Whether the daemon is one of this machine, as far as the caller's variables tell.
    pub(super) fn is_local(&self) -> bool {
        let (host, context) = named_daemon(&self.variables);
        host.is_none_or(|host| host.starts_with("unix://")) && context.is_none()
    }

    /// `docker compose`, else `docker-compose`, without arguments yet.
    ///
    /// # Errors
    /// [`DockerError::NoCompose`].
    pub(super) fn compose(&self) -> Result<Program, DockerError> {
        if let Some(compose) = self.compose.get() {
            return Ok(compose.clone());
        }
        let compose = self.find_compose()?.envs(&self.variables);
        // Version 1 has Docker build without BuildKit, and fails where the caller has it switched on.
        let is_first = compose.arguments().is_empty();
        let compose = if is_first { compose.env("DOCKER_BUILDKIT", "0") } else { compose };
        Ok(self.compose.get_or_init(|| compose).clone())
    }

    fn find_compose(&self) -> Result<Program, DockerError> {
        let plugin = || Program::new(&self.docker).arg("compose");
        let config = self.variables.get("DOCKER_CONFIG").map(PathBuf::from);
        let config =
            config.or_else(|| self.variables.get("HOME").map(|home| Path::new(home).join(".docker")));
        let own = config.map(|config| config.join("cli-plugins"));
        let mut folders = own.into_iter().chain(PLUGIN_FOLDERS.map(PathBuf::from));
        // Looking for its file is cheaper than asking, which takes as long as a whole command.
        if folders.any(|folder| folder.join(PLUGIN).is_file()) {
            return Ok(plugin());
        }
        let version = plugin().args(["version", "--short"]).envs(&self.variables).output(ANSWER_LIMIT);
        if version.is_ok_and(|output| output.status.success()) {
            return Ok(plugin());
        }
        let first = on_path("docker-compose", &self.variables).ok_or(DockerError::NoCompose)?;
        Ok(Program::new(first))
    }

    /// The version of Compose.
    ///
    /// # Errors
    /// [`DockerError::NoCompose`].
    pub fn compose_version(&self) -> Result<String, DockerError> {
        let output =
            run(&self.compose()?.args(["version", "--short"]), ANSWER_LIMIT, &AtomicBool::new(false))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs `docker` for what it prints.
    ///
    /// # Errors
    /// What it complains about, see [`DockerError::of`].
    pub(super) fn ask<A: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Output, DockerError> {
        run(&self.docker(arguments), ANSWER_LIMIT, &AtomicBool::new(false))
    }
}

/// The daemon that the caller's variables name: its address and its context. Docker takes an empty one for none.
pub fn named_daemon(caller: &BTreeMap<String, String>) -> (Option<&str>, Option<&str>) {
    let named = |name: &str| caller.get(name).map(String::as_str).filter(|value| !value.is_empty());
    (named("DOCKER_HOST"), named("DOCKER_CONTEXT"))
}

/// Runs a program of Docker's to its end.
///
/// # Errors
/// [`DockerError::Interrupted`] when the caller asked to stop, else what it complains about, see [`DockerError::of`].
pub(super) fn run(
    program: &Program,
    limit: Duration,
    interrupted: &AtomicBool,
) -> Result<Output, DockerError> {
    run_while(program, &[], limit, &mut |_| !interrupted.load(Ordering::Relaxed))
}

/// The same with something to read, for as long as `go_on` says so.
///
/// # Errors
/// As [`run`].
pub(super) fn run_while(
    program: &Program,
    input: &[u8],
    limit: Duration,
    go_on: &mut dyn FnMut(Printed<'_>) -> bool,
) -> Result<Output, DockerError> {
    match program.output_while(input, limit, go_on) {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => Err(DockerError::of(program, &output)),
        Err(ProcessError::AskedToStop { .. }) => Err(DockerError::Interrupted),
        Err(error) => Err(DockerError::Process(error)),
    }
}
