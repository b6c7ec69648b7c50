//! The databases of a stack, and starting them.

use std::cell::OnceCell;
use std::sync::Arc;

use backlot_facts::database::{Database, Wanted};
use backlot_plan::{Removal, Step};
use backlot_project::Environment;
use backlot_stack::Cast;
use backlot_state::{
    DatabaseRecord, EngineError, EngineKind, Filling, Ground, Outcome, Record, Report, Site, Started, Taken,
    VERSION, Wishes, now, tell,
};

use crate::deployment::fault::Fault;
use crate::deployment::{NativeStack, again};
use crate::migrate::Migrates;
use crate::{DatabaseService, down, programs, running, server};

impl<'a> NativeStack<'a> {
    /// The stack of `environment`; if it `contains`, what only images know runs as containers beside the rest.
    ///
    /// # Errors
    /// When the caller asks for a version of Postgres that is none.
    pub fn new(ground: Ground<'a>, environment: Environment, contains: bool) -> Result<Self, EngineError> {
        let site = Site::new(ground.home, ground.project, environment.name.as_str());
        let (mut own, mut others, mut faults) = (None, Vec::new(), Vec::new());
        for Wanted { service, is_own, database } in Database::all(&environment) {
            let database = match database {
                Ok(database) => programs::asked_for(ground, database)?,
                Err(error) => {
                    faults.push(Fault { service, is_own, error: Arc::new(error) });
                    continue;
                }
            };
            let at = if is_own { site.clone() } else { site.part(&service) };
            let database = DatabaseService::new(ground, at, environment.clone(), database);
            if is_own {
                own = Some(database);
            } else {
                others.push(database);
            }
        }
        let (client, provided) = (OnceCell::new(), OnceCell::new());
        let (database, throwaway) = (own, false);
        Ok(Self {
            ground,
            environment,
            site,
            database,
            others,
            faults,
            throwaway,
            provided,
            contains,
            client,
            litter: OnceCell::new(),
        })
    }
}

impl NativeStack<'_> {
    /// The services that are databases, the own one first.
    pub(super) fn database_names(&self) -> Vec<&str> {
        let faults = self.faults.iter().map(|fault| (fault.is_own, fault.service.as_str()));
        let known = self.databases().map(|service| service.database().service.as_str());
        let own = self.database.as_ref().map(|own| own.database().service.as_str());
        let mut all: Vec<(bool, &str)> = faults.chain(known.map(|name| (Some(name) == own, name))).collect();
        all.sort_by_key(|(is_own, _)| !is_own);
        all.into_iter().map(|(_, name)| name).collect()
    }

    /// Starts the databases, that last which a scenario's file fills: it may use the others.
    pub(super) fn start_databases(
        &self,
        taken: &Taken,
        cast: &Cast,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<(Started, Vec<DatabaseRecord>), EngineError> {
        self.make_way(taken, cast, wishes, report)?;
        let mut databases = Vec::new();
        for other in self.wanted_others(cast, wishes) {
            let up = other.site().take().and_then(|part| {
                part.tidy()?;
                other.up_taken(&part, again(wishes, other), None, report)
            });
            match up {
                Ok(up) => databases.push(up.database),
                Err(error) => {
                    if self.site.record().is_ok_and(|record| record.is_none()) {
                        down::undo(taken, report);
                    }
                    return Err(error);
                }
            }
        }
        let (started, own) = self.start_database(taken, wishes, report)?;
        databases.extend(own);
        Ok((started, databases))
    }

    /// Stops what is not to run as it does: services whose supervisor would start a server again that is to stop, the
    /// servers of services that the files do not have any more, and one that was the environment's own and is not now.
    fn make_way(
        &self,
        taken: &Taken,
        cast: &Cast,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        let mut unknown = if wishes.services.is_empty() { self.site.parts() } else { Vec::new() };
        unknown.retain(|part| !self.others.iter().any(|other| other.site().dir() == part.dir()));
        let is_other = |database: DatabaseRecord| {
            self.others.iter().any(|other| other.database().service == database.service)
        };
        let has_moved = running(&self.site).is_ok_and(is_other);
        let is_in_the_way = has_moved || !unknown.is_empty();
        if (is_in_the_way && self.site.is_supervised()?)
            || self.stops_services(self.steps_of_others(cast, wishes)?.iter())?
        {
            let stop = Step::Remove(Removal::StopServices);
            tell(&stop, report, |_| down::take_away(taken, Removal::StopServices).map(Outcome::from))?;
        }
        for part in unknown {
            down::take_down(&part.take()?, false, report)?;
        }
        if has_moved {
            server::stop(taken, true)?;
        }
        Ok(())
    }

    fn start_database(
        &self,
        taken: &Taken,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<(Started, Option<DatabaseRecord>), EngineError> {
        let Some(service) = &self.database else {
            let was_up = self.site.record()?.is_some();
            if !was_up {
                self.record_without_database(taken)?;
            }
            let started = Started {
                database: None,
                was_up,
                failure: None,
                kept: false,
                filling: Filling::None,
                published: Vec::new(),
                has_services: false,
                stock: None,
            };
            return Ok((started, None));
        };
        let migrating = self.migrating(wishes)?;
        let migrating = migrating.as_ref().map(|all| all as &dyn Migrates);
        let up = service.up_taken(taken, again(wishes, service), migrating, report)?;
        let started = Started {
            database: Some((&up.database).into()),
            was_up: up.ran,
            failure: up.failure,
            kept: false,
            filling: up.record.filling,
            published: Vec::new(),
            has_services: false,
            stock: up.stock,
        };
        Ok((started, Some(up.database)))
    }

    fn record_without_database(&self, taken: &Taken) -> Result<(), EngineError> {
        taken.make_live()?;
        let record = Record {
            version: VERSION,
            project: self.ground.project.root().to_owned(),
            environment: self.environment.name.to_string(),
            scenario: None,
            engine: EngineKind::Native,
            created: now(),
            filling: Filling::None,
            database: None,
            docker: None,
            migrated: None,
            snapshot: None,
            boot: None,
        };
        record
            .write(&self.site.record_path())
            .map_err(|source| EngineError::Record { environment: self.site.name().to_owned(), source })
    }
}
