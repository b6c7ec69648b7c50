//! Bringing a database's schema to what the project's code expects.

use backlot_plan::Storage;
use backlot_postgres::Installation;
use backlot_project::ScenarioSource;
use backlot_state::{EngineError, Filling, Taken};

use crate::DatabaseService;
use crate::cluster::Making;
use crate::made::MadeBy;
use crate::server;
use crate::up::Came;

/// What does that, once the database is up.
pub(crate) trait Migrates {
    /// What it is, for people.
    fn what(&self) -> String;

    /// A hash of all that makes it what it is.
    fn key(&self) -> &str;

    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be run, or fails.
    fn run(&self) -> Result<(), EngineError>;
}

impl DatabaseService<'_> {
    pub(super) fn making<'m>(
        &'m self,
        taken: &'m Taken,
        made: MadeBy<'m>,
        installation: &'m Installation,
    ) -> Making<'m> {
        Making { ground: self.ground, taken, database: &self.database, installation, made }
    }

    /// Migrates what is not; of what is thrown away a template is made for the next one.
    pub(super) fn migrate(
        &self,
        taken: &Taken,
        migrations: &dyn Migrates,
        came: &mut Came,
    ) -> Result<String, EngineError> {
        let is_kept = self.database.storage != Storage::Throwaway;
        if !came.is_migrated {
            came.stays = is_kept;
            migrations.run()?;
            came.stays = false;
        }
        // What was copied from others is no template.
        if !is_kept && !came.is_migrated && self.fork().is_none() {
            server::stop(taken, true)?;
            let made = MadeBy { migrations: Some(migrations.key()), filling: None, ..MadeBy::default() };
            came.template = Some(self.making(taken, made, &self.locate()?).keep()?);
            self.start_server(taken, None, true)?;
        }
        let mut record = taken.site().record()?.ok_or_else(|| self.not_up())?;
        record.migrated = Some(migrations.key().to_owned());
        if !self.is_to_be_filled() && record.filling == Filling::Begun {
            record.filling = Filling::None;
        }
        record.write(&self.site.record_path()).map_err(|source| self.record_error(source))?;
        let how = if came.is_migrated { "as the template is" } else { "done" };
        Ok(format!("{}, {how}", migrations.what()))
    }

    pub(super) fn is_to_be_filled(&self) -> bool {
        match &self.scenario {
            Some((_, ScenarioSource::Empty)) | None => false,
            Some(_) => true,
        }
    }
}
