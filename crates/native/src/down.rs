//! Taking an environment down, whatever is left of it.

use std::time::Duration;

use backlot_plan::{Removal, Server};
use backlot_state::{EngineError, Event, Filling, Report, Site, Taken, mark, tell, volume};

use crate::beside;
use crate::containers::clear_or_tell;
use crate::look::look;
use crate::server::{self, STOP_LIMIT};
use crate::supervise;
use crate::tidy;

/// Takes the environment at `site` down. Works whatever the project's files and the record say. Returns the steps that
/// were carried out; none when there was nothing.
///
/// # Errors
/// When a server does not stop or something cannot be removed.
pub(crate) fn down(site: &Site, volumes: bool, report: Report<'_>) -> Result<Vec<Removal>, EngineError> {
    tidy::sweep(site);
    let has_volumes = volumes && !site.removable_volumes()?.is_empty();
    if !has_volumes && !is_there(site.dir())? && !is_there(&site.sockets())? && site.parts().is_empty() {
        return Ok(Vec::new());
    }
    take_down(&site.take()?, volumes, report)
}

/// Stops all that runs of the environment at `site`, in good order, and keeps what it has: it is as it was when it is up
/// again. Past `grace`, if there is one, servers have to stop at once. Returns whether anything ran.
///
/// # Errors
/// When a server does not stop.
pub(crate) fn stop(site: &Site, grace: Option<Duration>, report: Report<'_>) -> Result<bool, EngineError> {
    let limit = grace.unwrap_or(STOP_LIMIT);
    tidy::sweep(site);
    let steps = plan_down(site, false)?;
    let runs = |step: &Removal| matches!(step, Removal::StopServices | Removal::StopServer);
    if !steps.iter().any(runs) {
        return Ok(false);
    }
    let taken = site.take()?;
    mark::take_over(&taken)?;
    if steps.contains(&Removal::StopServices) {
        tell(&Removal::StopServices, report, |_| take_away(&taken, Removal::StopServices))?;
    }
    if steps.contains(&Removal::StopServer) || steps.contains(&Removal::StopServices) {
        tell(&Removal::StopServer, report, |_| {
            for part in site.parts() {
                halt(&part.take()?, limit)?;
            }
            halt(&taken, limit)?;
            Ok::<_, EngineError>(format!("the server of {}, whose data stays", site.name()))
        })?;
    }
    clear_or_tell(&taken, true, report);
    Ok(true)
}

/// Stops a server that is to be started again as it was; past `limit` it has to stop at once.
pub(super) fn halt(taken: &Taken, limit: Duration) -> Result<(), EngineError> {
    // A damaged one must not keep anybody from stopping what runs.
    let record = taken.site().record().ok().flatten();
    server::stop_within(taken, true, limit)?;
    let Some(record) = record else { return Ok(()) };
    let failed = |source| EngineError::Record { environment: taken.site().name().to_owned(), source };
    record.write(&taken.site().record_path()).map_err(failed)
}

/// The steps that [`down`] would carry out now.
///
/// # Errors
/// When what is there cannot be looked at.
pub(crate) fn plan_down(site: &Site, volumes: bool) -> Result<Vec<Removal>, EngineError> {
    let mut observed = look(site, None)?;
    for part in site.parts() {
        observed.files |= part.has_files();
        if observed.server == Server::Stopped && part.is_running()? {
            observed.server = Server::Unrecorded;
        }
    }
    Ok(backlot_plan::down(&observed, volumes))
}

pub(super) fn take_down(
    taken: &Taken,
    volumes: bool,
    report: Report<'_>,
) -> Result<Vec<Removal>, EngineError> {
    taken.drop_aside()?;
    for part in taken.site().parts() {
        part.take()?.drop_aside()?;
    }
    clear_away(taken, volumes, report)
}

/// The same, but what was put aside takes its place again.
fn clear_away(taken: &Taken, volumes: bool, report: Report<'_>) -> Result<Vec<Removal>, EngineError> {
    mark::take_over(taken)?;
    let steps = plan_down(taken.site(), volumes)?;
    for step in &steps {
        tell(step, report, |_| {
            for part in taken.site().parts() {
                match step {
                    Removal::StopServer | Removal::Files => drop(take_away(&part.take()?, *step)?),
                    Removal::StopServices | Removal::Volumes => {}
                }
            }
            take_away(taken, *step)
        })?;
    }
    clear_or_tell(taken, true, report);
    taken.tidy()?;
    Ok(steps)
}

/// Takes something away.
pub(super) fn take_away(taken: &Taken, step: Removal) -> Result<String, EngineError> {
    let name = taken.site().name();
    match step {
        Removal::StopServices => {
            supervise::stop(taken.site())?;
            beside::end_all(taken.site());
            Ok(format!("the services of {name}"))
        }
        Removal::StopServer => {
            end_filling(taken.site());
            server::stop(taken, false)?;
            Ok(format!("the server of {name}"))
        }
        Removal::Files => {
            end_filling(taken.site());
            server::free_shared_memory(taken.site());
            taken.remove_live()?;
            Ok(format!("the files of {name}"))
        }
        Removal::Volumes => {
            server::free_shared_memory(taken.site());
            volume::remove_all(taken)?;
            Ok(format!("the volumes of {name}"))
        }
    }
}

/// Whether there is something, as opposed to nobody being allowed to know.
fn is_there(path: &std::path::Path) -> Result<bool, EngineError> {
    path.try_exists().map_err(|source| EngineError::Io { what: "look at", path: path.to_owned(), source })
}

/// Ends what a scenario's file has started and not waited for, and what still fills although its Backlot was killed.
fn end_filling(site: &Site) {
    let nothing_ran = match site.record() {
        Ok(Some(record)) => record.filling == Filling::None,
        // The record is there before anything is filled, and goes after this.
        Ok(None) => true,
        Err(_) => false,
    };
    if !nothing_ran {
        mark::end_all(&mark::of_filling(site));
    }
}

/// After a failed `up`: takes away what it made. Volumes stay; they are either whole or were not there.
pub(super) fn undo(taken: &Taken, report: Report<'_>) {
    if let Err(error) = clear_away(taken, false, &mut |_| {}) {
        report(Event::Warning(format!("could not take away what was made: {error}")));
    }
}
