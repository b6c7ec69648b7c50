//! What killed commands have left in other places than that of the command at hand: it goes when the next command of the
//! project changes something. Where nothing is left, this reads some directories and no more.

use std::time::Duration;

use backlot_plan::Removal;
use backlot_state::{EngineError, EngineKind, Site, mark, runs, volume};
use backlot_templates::Templates;

use crate::containers::clear;
use crate::down::take_down;

/// Tidies the project up that `site` is of, and the home's templates. What cannot be removed is in nobody's way; `ls` goes
/// on showing it.
pub(super) fn sweep(site: &Site) {
    let home = site.home();
    let _ = Templates::new(home.templates(), home.owner().clone()).remove_unfinished();
    volume::sweep(home);
    let _ = site.snapshots().tidy();
    for other in site.beside() {
        if other.dir() == site.dir() {
            continue;
        }
        if runs::run_of(&other).is_some() || other.has_leftovers() {
            let _ = tidy(&other);
        } else if mark::is_abandoned(&other)
            && let Ok(taken) = other.take_within(Duration::ZERO)
        {
            let _ = mark::take_over(&taken);
            let _ = clear(&taken, false);
        }
    }
}

/// Removes what is left over at `site`, unless somebody is at it or it is on Docker.
///
/// # Errors
/// When it cannot be removed.
pub fn tidy(site: &Site) -> Result<Vec<Removal>, EngineError> {
    let is_foreign = site.record()?.is_some_and(|record| record.engine != EngineKind::Native);
    if is_foreign || site.is_busy()? || site.is_running()? || runs::is_alive(site) {
        return Ok(Vec::new());
    }
    let taken = match site.take_within(Duration::ZERO) {
        Err(EngineError::Busy { .. }) => return Ok(Vec::new()),
        taken => taken?,
    };
    match runs::run_of(site) {
        _ if site.is_running()? => Ok(Vec::new()),
        Some(run) => {
            mark::end_all(run);
            take_down(&taken, false, &mut |_| {})
        }
        None => taken.tidy().map(|()| Vec::new()),
    }
}
