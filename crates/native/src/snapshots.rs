//! Going back to what a database was, and copying it as it is.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_postgres::{Connection, Durability, remove_tree};
use backlot_process::wait_for;
use backlot_snapshots::{Snapshot, SnapshotError};
use backlot_state::{DatabaseRecord, EngineError, Event, Filling, Record, Report, Site, Taken, tell};
use backlot_supervisor::Request;
use backlot_templates::{Template, Templates};

use crate::aside::with_server;
use crate::copying::{BackError, copy, known, storage};
use crate::doing::Doing;
use crate::supervise::ask;
use crate::{installation, server, stock};

/// How long a copy may take to come to its end.
const STOPPING: Duration = Duration::from_mins(1);

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
        if site.is_supervised()? {
            beside_services(site, all)?;
        } else {
            all.iter().try_for_each(Back::go)?;
        }
        // The next time it only has to be renamed.
        stock::refill(site.home(), &key);
        Ok::<_, EngineError>(format!("{}, to what it was filled with", site.name()))
    })
}

/// The supervisor stops the servers, and waits with their start until they are ours no more.
fn beside_services(site: &Site, all: Vec<Back>) -> Result<(), EngineError> {
    let services = all.iter().filter_map(|one| Some(one.record.database.as_ref()?.service.clone())).collect();
    let restart = Request::Restart { services, rolling: false };
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(site, &restart, &AtomicBool::new(false), &mut |_| {}));
        for one in &all {
            wait_for(STOPPING, || matches!(one.taken.site().is_running(), Ok(false)).then_some(()));
        }
        let gone = all.iter().try_for_each(Back::go);
        drop(all);
        let asked = asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        gone.and(asked.map(drop))
    })
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

    fn go(&self) -> Result<(), EngineError> {
        let (taken, record) = (&self.taken, &self.record);
        let Some(database) = &record.database else { return Ok(()) };
        let (data, before) = (&database.data_dir, database.data_dir.with_file_name("data-before"));
        remove_tree(&before).map_err(storage)?;
        server::stop(taken, false)?;
        rename(data, &before)?;
        let made = self.template.clone_into(data).map_err(EngineError::from);
        if let Err(error) = made.and_then(|()| restart(taken, record)) {
            // Nothing that was committed is lost with a server that has ended at once.
            let _ = server::stop(taken, false);
            let _ = remove_tree(data);
            rename(&before, data)?;
            restart(taken, record)?;
            return Err(error);
        }
        // It is of no use, and in nobody's way.
        let _ = remove_tree(&before);
        Ok(())
    }
}

fn restart(taken: &Taken, record: &Record) -> Result<(), EngineError> {
    server::restart(taken.site().home(), taken, record).map(drop)
}

fn rename(from: &Path, to: &Path) -> Result<(), EngineError> {
    fs::rename(from, to).map_err(|source| EngineError::Io { what: "rename", path: from.to_owned(), source })
}

/// Keeps the database of the environment at `site` as `name`, as it is now. Returns what it is.
///
/// # Errors
/// When there is one of that name, or it cannot be copied.
pub(crate) fn save(site: &Site, name: &str, report: Report<'_>) -> Result<(), EngineError> {
    let database = known(site)?;
    let what = format!("{} as {name}", site.name());
    let doing = Doing { heading: "saved", what: format!("keep the database of {what}") };
    let others: Vec<String> =
        site.parts().iter().filter_map(|part| part.service().map(str::to_owned)).collect();
    if !others.is_empty() {
        let kept = &database.service;
        report(Event::Warning(format!("only {kept} is kept: {} is not", others.join(", "))));
    }
    let mut notes = Vec::new();
    let outcome = tell(&doing, report, |_| {
        site.home().make(&site.home().snapshots())?;
        let snapshot = Snapshot::of(site.name(), &database.service, &database.version, &database.database);
        site.snapshots().save(name, snapshot, |data| {
            notes = copy(site, &database, data)?;
            prove(site, &database, data)
        })?;
        Ok::<_, EngineError>(what.clone())
    });
    for note in notes {
        report(Event::Warning(note));
    }
    outcome
}

/// Starts a copy and asks it, so that it has come to an end of its own when it is used.
fn prove(site: &Site, database: &DatabaseRecord, data: &Path) -> Result<(), EngineError> {
    let spec = server::spec_of(database, Durability::Ephemeral);
    with_server(site.home(), &installation(database), &spec, data, |access| {
        let answer = Connection::open(access, STOPPING).and_then(|mut it| it.query_one_text("SELECT 1"));
        answer.map_err(SnapshotError::Server).map_err(EngineError::of).map(drop)
    })
}
