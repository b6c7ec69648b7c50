//! Containers of services that a project's files do not have.

use std::time::Duration;

use backlot_state::{DockerRecord, EngineError};

use crate::deployment::DockerStack;

impl DockerStack<'_> {
    /// Stops and removes them; their volumes stay. What profiles leave out is in the files.
    pub(super) fn end_orphans(
        &self,
        docker: &DockerRecord,
        grace: Option<Duration>,
    ) -> Result<(), EngineError> {
        let stack = &self.environment.stack;
        let mut containers = self.client.containers(&docker.project)?;
        containers
            .retain(|one| !stack.services.contains_key(&one.service) && !stack.off.contains(&one.service));
        let ids = containers.into_iter().map(|container| container.id).collect::<Vec<_>>();
        Ok(self.client.hastening(grace).end_and_remove(&ids, self.ground.interrupted)?)
    }
}
