//! Environments that Compose itself has brought up, or of which no record tells.

use std::path::Path;

use backlot_facts::database::Database;
use backlot_project::Environment;
use backlot_state::{DockerRecord, EngineError, Record, Site};

use crate::client::Client;
use crate::deployment::docker_record;
use crate::foreign::refuse_foreign;

impl Client {
    /// The same, for an environment that has no record, or one that cannot be read: its containers may have been made by
    /// Compose itself, and are known by what its files say.
    #[must_use]
    pub fn adopting(mut self, environment: &Environment, root: &Path) -> Self {
        let throwaway = environment.name.as_str().starts_with("scenario_");
        let database = Database::in_container(environment).ok().flatten();
        let name = environment.stack.name.clone();
        let call = environment.compose.clone();
        let record = docker_record(environment, root, name, call, database.as_ref(), throwaway);
        self.adopted = Some(Box::new(record));
        self
    }

    /// What is known of the environment at `site`.
    pub fn record_at(&self, site: &Site) -> Result<Option<DockerRecord>, EngineError> {
        match site.record() {
            Ok(Some(Record { docker: Some(docker), .. })) => Ok(Some(docker)),
            Ok(_) => self.adopted(),
            Err(error) => self.adopted()?.map(Some).ok_or(error),
        }
    }

    /// What is taken for a record, unless the containers that bear its name are somebody else's.
    fn adopted(&self) -> Result<Option<DockerRecord>, EngineError> {
        let Some(record) = self.adopted.as_deref() else { return Ok(None) };
        refuse_foreign(&record.project, &record.call.working_dir, &self.containers(&record.project)?)?;
        Ok(Some(record.clone()))
    }
}
