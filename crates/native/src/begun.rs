//! Clusters that begin with what another database has.

use std::fs;
use std::path::Path;

use backlot_postgres::remove_tree;
use backlot_state::{EngineError, Event, Report, Site};
use backlot_templates::{TemplateError, Templates, is_of_this_boot};

use crate::cluster::{How, Making};
use crate::copying;
use crate::forking::Forking;

impl Making<'_> {
    /// Puts a copy into its place of what it begins with, if that is another database.
    pub(super) fn copied(&self, report: Report<'_>) -> Result<Option<How>, EngineError> {
        let how = |text: String, is_whole| How {
            text,
            is_new: false,
            template: None,
            is_migrated: is_whole,
            is_filled: is_whole,
        };
        if let Some(from) = self.made.from {
            self.copy_of(from, report)?;
            return Ok(Some(how(format!("with the data of {}", from.environment()), true)));
        }
        let Some(fork) = self.made.fork else { return Ok(None) };
        let (root, taken, database) = (self.ground.project.root(), self.taken, self.database);
        let interrupted = self.ground.interrupted;
        Forking { fork, root, taken, database, interrupted }.put_into_place(report)?;
        Ok(Some(how(format!("with the data of {fork} (--empty for none)"), false)))
    }

    /// Puts a copy into its place of what another server has now.
    fn copy_of(&self, from: &Site, report: Report<'_>) -> Result<(), EngineError> {
        let (home, data) = (self.ground.home, self.taken.site().data(&self.database.storage));
        let partial = data.with_file_name("data.partial");
        home.make(data.parent().unwrap_or(home.root()))?;
        remove_tree(&partial).map_err(TemplateError::from)?;
        self.put_spare_of(from, &partial)?;
        let copied = copying::known(from)
            .and_then(|database| copying::copy(from, &database, &partial, self.ground.interrupted));
        let notes = copied.inspect_err(|_| drop(remove_tree(&partial)))?;
        fs::rename(&partial, &data).map_err(|source| EngineError::Io { what: "make", path: data, source })?;
        for note in notes {
            report(Event::Warning(note));
        }
        Ok(())
    }

    /// Puts a spare of the template that another server's cluster was made of in the place of a copy of that, where it is known what
    /// has changed since.
    fn put_spare_of(&self, from: &Site, partial: &Path) -> Result<(), EngineError> {
        let record = from.record()?.filter(|record| is_of_this_boot(record.boot.as_deref()));
        let Some(key) = record.and_then(|record| record.snapshot) else { return Ok(()) };
        let home = self.ground.home;
        if let Some(template) = Templates::new(home.templates(), home.owner().clone()).of_key(&key)? {
            template.take_spare(partial).map_err(TemplateError::from)?;
        }
        Ok(())
    }
}
