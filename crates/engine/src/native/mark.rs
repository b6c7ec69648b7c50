//! The mark on the processes that a run of the tests, or a scenario's file, has started: by it they are found again, in
//! whatever session they ended up, when nothing may be left.

use std::time::{Duration, Instant};

use backlot_process::end_all_with_variable;

use crate::error::EngineError;
use crate::home::short_hash;
use crate::lock::Lock;
use crate::site::{Site, Taken};

/// The variable whose value is the mark.
pub(crate) const VARIABLE: &str = "BACKLOT_RUN";
/// The variable of all that belongs to a supervisor: the directory of its environment.
const SITE: &str = "BACKLOT_SITE";
/// How long a guard may take to end what its supervisor has left.
const GUARD_LIMIT: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(2);
/// How long they have to end by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// The mark of what fills the environment at `site`.
pub(crate) fn of_filling(site: &Site) -> String {
    short_hash(site.dir().as_os_str().as_encoded_bytes())
}

/// The mark of all that a supervisor runs for the environment at `site`, and of the supervisor and its guard themselves.
pub(crate) fn of_site(site: &Site) -> (&'static str, String) {
    (SITE, site.dir().display().to_string())
}

/// Takes an environment over whose supervisor was killed: its guard gets the time to end what that has left. What the two
/// could not end is ended here, and so is a guard that is still there: nothing is for it to stop any more. A supervisor
/// that runs is left alone.
///
/// # Errors
/// When the locks cannot be looked at, or the old one cannot be removed.
pub(crate) fn take_over(taken: &Taken) -> Result<(), EngineError> {
    let site = taken.site();
    if !site.supervisor_lock().exists() || site.is_supervised()? {
        return Ok(());
    }
    let start = Instant::now();
    while Lock::is_held(&site.guard_lock())? && start.elapsed() < GUARD_LIMIT {
        std::thread::sleep(STEP);
    }
    let (name, value) = of_site(site);
    end_all_with_variable(name, &value, GRACE);
    taken.remove_supervisor_lock()
}

/// Ends all processes with this mark.
pub(crate) fn end_all(mark: &str) {
    end_all_with_variable(VARIABLE, mark, GRACE);
}
