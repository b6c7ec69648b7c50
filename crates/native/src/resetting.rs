//! Going back to what a database was when it had been filled.
//!
//! Its server stops at once, and then one of three things is done, the quickest:
//! - what differs from the template is copied, where the data is;
//! - where that is much, a spare takes its place, and it becomes the next spare while nobody waits;
//! - where it cannot be known what differs, a copy takes its place.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_postgres::remove_tree;
use backlot_process::wait_for;
use backlot_state::{EngineError, Filling, Record, Report, Site, Taken, tell};
use backlot_supervisor::Request;
use backlot_templates::{Difference, Template, Templates, boot, is_of_this_boot, size_of};

use crate::copying::{BackError, storage};
use crate::doing::Doing;
use crate::supervise::ask;
use crate::{server, stock};

/// How long a server may take to come to its end.
const STOPPING: Duration = Duration::from_mins(1);
/// So many bytes are copied in the time in which a spare takes a place.
const LITTLE: u64 = 16 << 20;

/// Takes the databases of the environment at `site` back to what they were when they had been made, migrated and filled.
/// What runs beside them goes on, and has to connect anew.
///
/// # Errors
/// When there is nothing to go back to; when something fails on the way, all is as it was.
pub(crate) fn reset(site: &Site, report: Report<'_>) -> Result<(), EngineError> {
    let taken = site.take()?;
    taken.tidy()?;
    let doing =
        Doing { heading: "reset", what: format!("take {} back to what it was filled with", site.name()) };
    tell(&doing, report, |_| {
        let mut all = vec![taken];
        for part in site.parts() {
            all.push(part.take()?);
        }
        let all = all.into_iter().map(Back::of).collect::<Result<Vec<_>, _>>()?;
        let key = all.first().map(|own| own.template.key.clone()).unwrap_or_default();
        let how = if site.is_supervised()? { beside_services(site, all)? } else { go(&all)? };
        // The next time it only has to be renamed.
        stock::refill(site.home(), &key);
        Ok::<_, EngineError>(format!("{}, to what it was filled with: {}", site.name(), how.join("; ")))
    })
}

/// The supervisor stops the servers, and waits with their start until they are ours no more.
fn beside_services(site: &Site, all: Vec<Back>) -> Result<Vec<String>, EngineError> {
    let services = all.iter().filter_map(|one| Some(one.record.database.as_ref()?.service.clone())).collect();
    let restart = Request::Restart { services, rolling: false };
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(site, &restart, &AtomicBool::new(false), &mut |_| {}));
        for one in &all {
            wait_for(STOPPING, || matches!(one.taken.site().is_running(), Ok(false)).then_some(()));
        }
        let gone = go(&all);
        drop(all);
        let asked = asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let how = gone?;
        asked.map(|_| how)
    })
}

/// Returns how each of them went back, in words.
fn go(all: &[Back]) -> Result<Vec<String>, EngineError> {
    all.iter().map(Back::go).collect()
}

/// A server that can go back, and is ours until this is dropped.
struct Back {
    taken: Taken,
    record: Record,
    template: Template,
}

impl Back {
    fn of(taken: Taken) -> Result<Self, EngineError> {
        let site = taken.site();
        let nothing = |why| EngineError::of(BackError::Nothing { environment: site.name().to_owned(), why });
        let not_up =
            || EngineError::NotUp { environment: site.name().to_owned(), exists: site.live().exists() };
        let record = site.record()?.ok_or_else(not_up)?;
        let database = record.database.as_ref().ok_or_else(not_up)?;
        if database.volume.is_some() {
            return Err(nothing("it is kept in a volume"));
        }
        match record.filling {
            Filling::None | Filling::Done => {}
            Filling::Begun | Filling::Failed { .. } => {
                return Err(nothing("it was not filled as it should be"));
            }
        }
        let key =
            record.snapshot.as_deref().ok_or_else(|| nothing("what it was filled with was not kept"))?;
        let templates = Templates::new(site.home().templates(), site.home().owner().clone());
        let template =
            templates.of_key(key)?.ok_or_else(|| nothing("what it was filled with is not kept any more"))?;
        Ok(Self { taken, record, template })
    }

    fn go(&self) -> Result<String, EngineError> {
        let Some(database) = &self.record.database else { return Ok(String::new()) };
        let (data, before) = (&database.data_dir, database.data_dir.with_file_name("data-before"));
        remove_tree(&before).map_err(storage)?;
        server::stop(&self.taken, false)?;
        let is_known = is_of_this_boot(self.record.boot.as_deref());
        let difference = is_known.then(|| self.or_go_on(self.template.difference(data))).transpose()?;
        let is_quicker = |difference: &Difference| difference.bytes <= LITTLE || !self.template.has_spare();
        match difference.filter(is_quicker) {
            Some(difference) => self.in_place(data, difference, &before),
            None => self.exchange(data, &before, is_known),
        }
    }

    /// Copies what differs. Meanwhile the data is elsewhere: should we be killed at it, nobody starts a server on a part of each.
    fn in_place(&self, data: &Path, difference: Difference, before: &Path) -> Result<String, EngineError> {
        let (files, bytes) = (difference.files(), difference.bytes);
        let changing = data.with_file_name("data-changing");
        remove_tree(&changing).map_err(storage)?;
        self.or_go_on(rename(data, &changing))?;
        let back = match self.template.take_back(&changing, difference, before) {
            Ok(back) => back,
            // What could not be undone is no cluster any more.
            Err(error) if before.exists() => return Err(error.into()),
            Err(error) => {
                rename(&changing, data)?;
                return self.or_go_on(Err(error));
            }
        };
        rename(&changing, data)?;
        if let Err(error) = self.restart(&self.record) {
            let _ = server::stop(&self.taken, false);
            rename(data, &changing)?;
            back.undo().map_err(storage)?;
            rename(&changing, data)?;
            self.restart(&self.record)?;
            return Err(error);
        }
        if size_of(before) > LITTLE {
            self.dispose(before, false);
        } else {
            let _ = remove_tree(before);
        }
        Ok(format!("{files} files that had changed ({} MiB) were copied", bytes >> 20))
    }

    /// Puts a whole cluster in its place.
    fn exchange(&self, data: &Path, before: &Path, is_known: bool) -> Result<String, EngineError> {
        rename(data, before)?;
        let had_spare = self.template.has_spare();
        let made = self.template.clone_into(data).map_err(EngineError::from);
        let record = Record { boot: Some(boot()), ..self.record.clone() };
        if let Err(error) = made.and_then(|()| self.restart(&record)) {
            // Nothing that was committed is lost with a server that has ended at once.
            let _ = server::stop(&self.taken, false);
            let _ = remove_tree(data);
            rename(before, data)?;
            self.restart(&self.record)?;
            return Err(error);
        }
        self.dispose(before, is_known);
        Ok(if had_spare { "a spare took its place" } else { "a copy took its place" }.to_owned())
    }

    /// Has something go that is of no use here, and that takes its time.
    fn dispose(&self, before: &Path, is_whole: bool) {
        if self.template.take_over(before, is_whole).is_err() {
            // It is in nobody's way.
            let _ = remove_tree(before);
        }
    }

    /// Where something fails before anything was changed, the server goes on.
    fn or_go_on<T, E: Into<EngineError>>(&self, done: Result<T, E>) -> Result<T, EngineError> {
        match done {
            Ok(done) => Ok(done),
            Err(error) => {
                self.restart(&self.record)?;
                Err(error.into())
            }
        }
    }

    fn restart(&self, record: &Record) -> Result<(), EngineError> {
        server::restart(self.taken.site().home(), &self.taken, record).map(drop)
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::rename(from, to).map_err(|source| EngineError::Io { what: "rename", path: from.to_owned(), source })
}
