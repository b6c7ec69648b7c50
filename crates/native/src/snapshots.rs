//! Keeping what a database is under a name.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backlot_postgres::{Connection, Durability};
use backlot_snapshots::{Snapshot, SnapshotError};
use backlot_state::{DatabaseRecord, EngineError, Event, Report, Site, go_on, tell};

use crate::aside::with_server;
use crate::copying::{copy, known};
use crate::doing::Doing;
use crate::{installation, server};

/// How long a copy may take to come to its end.
const STOPPING: Duration = Duration::from_mins(1);

/// Keeps the database of the environment at `site` as `name`, as it is now. Returns what it is.
///
/// # Errors
/// When there is one of that name, or it cannot be copied.
pub(crate) fn save(
    site: &Site,
    name: &str,
    interrupted: &AtomicBool,
    report: Report<'_>,
) -> Result<(), EngineError> {
    let database = known(site)?;
    site.snapshots().check_own(name)?;
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
            notes = copy(site, &database, data, interrupted)?;
            go_on(interrupted)?;
            prove(site, &database, data)?;
            go_on(interrupted)
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
