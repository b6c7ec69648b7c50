//! Starting the databases of a stack.

use backlot_plan::{Removal, Step};
use backlot_stack::Cast;
use backlot_state::{
    DatabaseRecord, EngineError, EngineKind, Filling, Outcome, Record, Report, Started, Taken, VERSION,
    Wishes, now, tell,
};

use crate::deployment::{NativeStack, again};
use crate::migrate::Migrates;
use crate::{down, running, server};

impl NativeStack<'_> {
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
                other.up_taken(&part, again(wishes), None, report)
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
                filling: Filling::None,
                published: Vec::new(),
                has_services: false,
                stock: None,
            };
            return Ok((started, None));
        };
        let migrating = self.migrating(wishes)?;
        let migrating = migrating.as_ref().map(|all| all as &dyn Migrates);
        let up = service.up_taken(taken, again(wishes), migrating, report)?;
        let started = Started {
            database: Some((&up.database).into()),
            was_up: up.ran,
            failure: up.failure,
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
        };
        record
            .write(&self.site.record_path())
            .map_err(|source| EngineError::Record { environment: self.site.name().to_owned(), source })
    }
}
