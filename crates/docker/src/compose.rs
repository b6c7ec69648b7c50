//! Compose's command lines, as values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use backlot_process::Program;
use backlot_project::{ComposeCall, Environment, Project};
use backlot_state::checkout::OnDocker;
use backlot_state::{Checkouts, DockerRecord, EngineError, Site};
use serde_json::Value as Json;

use crate::client::Client;
use crate::error::DockerError;
use crate::model::apart_file;

/// Which Compose project is meant, as Compose wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeProject {
    /// Its options, before the verb.
    pub options: Vec<OsString>,
    /// The variables that its files are read with.
    pub variables: BTreeMap<String, String>,
    /// The directory that Compose is called from.
    pub directory: std::path::PathBuf,
}

impl ComposeProject {
    /// The Compose project of an environment: the project's own files, as they are.
    pub fn of(environment: &Environment) -> Self {
        let call = &environment.compose;
        let variables = environment.variables.iter();
        let variables = variables.map(|(name, variable)| (name.to_owned(), variable.value.clone())).collect();
        Self::new(&environment.stack.name, call, variables)
    }

    /// The Compose project of an environment of `project` of which nothing is up: where it is not as its files say, a file at `site`
    /// says it.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn made_for(project: &Project, environment: &Environment, site: &Site) -> Result<Self, EngineError> {
        let mut compose = Self::of(environment);
        if !environment.is_as_its_files_say() {
            site.take()?.make_live()?;
            let call = instead(&environment.compose, write_file(site, &apart_file(environment))?);
            compose = Self::new(&environment.stack.name, &call, compose.variables);
        }
        keep_name(site, project, environment, true)?;
        Ok(compose)
    }

    /// The Compose project that runs as the environment at `site`, if one does.
    pub fn running(site: &Site) -> Result<Option<Self>, EngineError> {
        Ok(site.record()?.and_then(|record| record.docker).map(|record| Self::recorded(&record)))
    }

    fn new(name: &str, call: &ComposeCall, mut variables: BTreeMap<String, String>) -> Self {
        // What `${PWD}` means in the files does not depend on where the caller stands.
        variables.insert("PWD".into(), call.caller_dir.display().to_string());
        let mut options: Vec<OsString> = vec!["-p".into(), name.into()];
        for file in &call.files {
            options.extend(["-f".into(), file.into()]);
        }
        let usual = call.files.first().and_then(|file| file.parent());
        if usual != Some(&call.working_dir) {
            options.extend(["--project-directory".into(), call.working_dir.clone().into()]);
        }
        for profile in &call.profiles {
            options.extend(["--profile".into(), profile.into()]);
        }
        for file in &call.env_files {
            options.extend(["--env-file".into(), file.into()]);
        }
        Self { options, variables, directory: call.caller_dir.clone() }
    }

    /// The Compose project that a record tells of.
    pub(super) fn recorded(record: &DockerRecord) -> Self {
        Self::new(&record.project, &record.call, record.variables.clone())
    }
}

/// A call with one file in the place of a project's own: what those interpolate and name is resolved in it.
pub(super) fn instead(call: &ComposeCall, file: PathBuf) -> ComposeCall {
    ComposeCall { files: vec![file], profiles: Vec::new(), env_files: Vec::new(), ..call.clone() }
}

/// Writes the Compose file of an environment that is not as its files say. It holds secrets: nobody else may read it.
pub(super) fn write_file(site: &Site, model: &Json) -> Result<PathBuf, EngineError> {
    let path = site.live().join("compose.json");
    let failed = |source| EngineError::Io { what: "write", path: path.clone(), source };
    let text = serde_json::to_vec_pretty(model).map_err(|error| failed(error.into()))?;
    let options = File::options().write(true).create(true).truncate(true).mode(0o600).to_owned();
    options.open(&path).and_then(|mut file| file.write_all(&text)).map_err(failed)?;
    Ok(path)
}

/// Keeps what other checkouts must not have on Docker, beside this environment's, and where data of it `stays`.
pub(super) fn keep_name(
    site: &Site,
    project: &Project,
    environment: &Environment,
    stays: bool,
) -> Result<(), EngineError> {
    let (ports, volumes) = (environment.stack.published(), environment.stack.volumes.values());
    let has = OnDocker {
        project: environment.stack.name.clone(),
        ports: ports.into_iter().flat_map(|(first, last)| first..=last).collect(),
        volumes: volumes.filter(|_| stays).map(|volume| volume.name.clone()).collect(),
        is_left: false,
    };
    Checkouts::of(site.home()).keep_on_docker(site.key(), (project.root(), &project.directory_name()), has)
}

impl Client {
    /// Compose with these arguments, for `project`.
    ///
    /// # Errors
    /// [`DockerError::NoCompose`].
    pub fn compose_in<A: Into<OsString>>(
        &self,
        project: &ComposeProject,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Program, DockerError> {
        let program = self.compose()?.args(project.options.iter().cloned()).args(arguments);
        let directory: &Path = &project.directory;
        Ok(program.envs(&project.variables).current_dir(directory))
    }
}
