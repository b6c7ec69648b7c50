//! Compose's command lines, as values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use backlot_process::Program;
use backlot_project::{ComposeCall, Environment};
use backlot_state::{DockerRecord, EngineError, Site};

use crate::client::Client;
use crate::error::DockerError;

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
