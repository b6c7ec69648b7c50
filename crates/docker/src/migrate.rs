//! Bringing a database's schema to what the project's code expects, with the database up and nothing else.

use backlot_facts::migration::{Migration, migrations};
use backlot_process::{Program, Stdout, exit_code};
use backlot_state::{Deployment as _, DockerRecord, EngineError, LiveDatabase, Report, Wishes, mark, tools};

use crate::compose::ComposeProject;
use crate::deployment::DockerStack;

impl DockerStack<'_> {
    /// What an `up` with these wishes migrates its database by. Jobs that others await run with those, unless the database is to be
    /// filled, or tested on, before.
    pub(super) fn migrations(&self, wishes: &Wishes) -> Vec<Migration> {
        let (stack, root) = (&self.environment.stack, self.ground.project.root());
        let mut all = migrations(stack, root, self.environment.for_all);
        if !self.throwaway {
            // Whoever asks for the database alone has it as it is.
            let run = stack.with_dependencies(&wishes.services);
            let is_run = |service: &String| run.contains(service);
            all.retain(|migration| !migration.runs_anyway() && migration.service.iter().all(is_run));
            all.retain(|_| !wishes.database_only);
        }
        all.retain(|_| self.database.is_some());
        all
    }

    /// Runs them all, one after another.
    pub(super) fn migrate(
        &self,
        database: &LiveDatabase,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        let docker = self.current_record()?.docker.ok_or_else(|| self.not_up())?;
        for migration in self.migrations(wishes) {
            if let Some(service) = &migration.service {
                self.build(service, wishes, &docker, report)?;
            }
            let program = self.program(&migration, &docker, database)?;
            let program = program.env(mark::VARIABLE, mark::of_filling(&self.site));
            let ended = program.run(Stdout::OurStderr, self.ground.interrupted)?;
            if ended.interrupted {
                return Err(EngineError::Interrupted);
            }
            if !ended.status.success() {
                let (what, code) = (migration.to_string(), exit_code(ended.status));
                return Err(EngineError::Migration { what, code, is_kept: !self.throwaway });
            }
        }
        Ok(())
    }

    /// As its service once more; what is nobody's runs on this machine, as what fills a scenario does.
    fn program(
        &self,
        migration: &Migration,
        docker: &DockerRecord,
        database: &LiveDatabase,
    ) -> Result<Program, EngineError> {
        if let Some(service) = &migration.service {
            let words = ["run", "--rm", "--no-deps", "-T", service].map(str::to_owned).into_iter();
            let words = words.chain(migration.command.iter().cloned());
            return Ok(self.client.compose_in(&ComposeProject::recorded(docker), words)?);
        }
        let root = self.ground.project.root();
        let mut variables = self.process_variables(database);
        tools::keep_tree_clean(root, &self.site.live(), &mut variables);
        tools::migration(&migration.command, root, &variables)
    }
}
