//! The migrations of a stack.

use std::collections::BTreeMap;

use backlot_facts::migration::{Migration, migrations};
use backlot_process::{Program, Stdout, exit_code};
use backlot_state::{Beside, Deployment as _, EngineError, Wishes, mark, tools};

use crate::deployment::NativeStack;
use crate::migrate::Migrates;

/// What migrates the database of a stack.
pub(super) struct Migrating<'a> {
    stack: &'a NativeStack<'a>,
    all: Vec<Migration>,
    key: String,
    no_install: bool,
}

impl NativeStack<'_> {
    /// What an `up` with these wishes migrates its database by. Where services run, those that others await are among them; a
    /// command that only needs the database of such a stack takes it as it is.
    pub(super) fn migrating(&self, wishes: &Wishes) -> Result<Option<Migrating<'_>>, EngineError> {
        let mut all = self.migrations(wishes);
        for migration in &all {
            // What is a service of its own that cannot run here is told, and the rest may well do without.
            if let Some(beside) = beside(migration, wishes.no_install).filter(|_| !migration.runs_anyway()) {
                self.check_once(&beside)?;
            }
        }
        all.retain(|migration| self.cannot(migration, wishes).is_none());
        if all.is_empty() {
            return Ok(None);
        }
        let key = self.translation(&[], wishes, BTreeMap::new()).key_of(&all);
        Ok(Some(Migrating { stack: self, all, key, no_install: wishes.no_install }))
    }

    pub(super) fn migrations(&self, wishes: &Wishes) -> Vec<Migration> {
        let environment = &self.environment;
        let mut all = migrations(&environment.stack, self.ground.project.root(), environment.for_all);
        if !self.throwaway {
            // Whoever asks for the database alone has it as it is.
            let run = environment.stack.with_dependencies(&wishes.services);
            let is_run = |service: &String| run.contains(service);
            all.retain(|migration| !migration.runs_anyway() && migration.service.iter().all(is_run));
            all.retain(|_| !wishes.database_only);
        }
        all.retain(|_| self.database.is_some());
        all
    }

    /// Why a migration that is a service cannot run here before the others.
    fn cannot(&self, migration: &Migration, wishes: &Wishes) -> Option<String> {
        match self.check_once(&beside(migration, wishes.no_install).filter(|_| migration.runs_anyway())?) {
            Ok((cast, _)) if cast.containers.is_empty() => None,
            Ok(_) => Some("it is a container, which runs beside the others only".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The migrations that are not run, a line each.
    pub(super) fn not_migrated(&self, wishes: &Wishes) -> Vec<String> {
        let all = self.migrations(wishes);
        let lost = all.iter().filter_map(|migration| Some((migration, self.cannot(migration, wishes)?)));
        lost.map(|(migration, why)| format!("the database is not migrated by {migration}: {why}")).collect()
    }
}

/// The command of one that runs as a service.
fn beside(migration: &Migration, no_install: bool) -> Option<Beside> {
    let command = migration.command.iter().map(Into::into).collect();
    let service = migration.service.clone()?;
    Some(Beside { service, command, environment: true, no_install, ..Beside::default() })
}

impl Migrating<'_> {
    fn program(&self, migration: &Migration) -> Result<Program, EngineError> {
        let (stack, ground) = (self.stack, self.stack.ground);
        if let Some(beside) = beside(migration, self.no_install) {
            let (cast, _) = stack.check_once(&beside)?;
            return Ok(stack.beside_all(&beside, &cast)?.program);
        }
        let root = ground.project.root();
        let mut variables = stack.process_variables(&stack.running()?);
        tools::keep_tree_clean(root, &stack.site.live(), &mut variables);
        tools::migration(&migration.command, root, &variables)
    }
}

impl Migrates for Migrating<'_> {
    fn what(&self) -> String {
        let all: Vec<String> = self.all.iter().map(ToString::to_string).collect();
        all.join(", ")
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn run(&self) -> Result<(), EngineError> {
        for migration in &self.all {
            let program = self.program(migration)?;
            let program = program.env(mark::VARIABLE, mark::of_filling(&self.stack.site));
            let ended = program.run(Stdout::OurStderr, self.stack.ground.interrupted)?;
            if ended.interrupted {
                return Err(EngineError::Interrupted);
            }
            if !ended.status.success() {
                let code = exit_code(ended.status);
                return Err(EngineError::Migration {
                    what: migration.to_string(),
                    code,
                    is_kept: !self.stack.throwaway,
                });
            }
        }
        Ok(())
    }
}
