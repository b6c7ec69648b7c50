//! Taking an environment down, whatever is left of it.

use backlot_plan::{Removal, Server};
use backlot_state::{EngineError, Event, Filling, Report, Site, Taken, mark, tell, volume};

use crate::containers::clear_or_tell;
use crate::look::look;
use crate::server;
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
    if let Err(error) = take_down(taken, false, &mut |_| {}) {
        report(Event::Warning(format!("could not take away what was made: {error}")));
    }
}
