//! The mark on the processes that a run of the tests, or a scenario's file, has started: by it they are found again, in
//! whatever session they ended up, when nothing may be left.

use std::path::Path;
use std::time::{Duration, Instant};

use backlot_process::{all_with_variable, command_lines_up_from, end_all_with_variable};

use crate::error::EngineError;
use crate::home::short_hash;
use crate::lock::Lock;
use crate::ourselves::GUARD_VERB;
use crate::runs;
use crate::site::Site;
use crate::taken::Taken;

/// The variable whose value is the mark.
pub const VARIABLE: &str = "BACKLOT_RUN";
/// The variable of all that belongs to a supervisor: the directory of its environment.
const SITE: &str = "BACKLOT_SITE";
/// How long a guard may take to end what its supervisor has left.
const GUARD_LIMIT: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(2);
/// How long they have to end by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// The mark of what fills the environment at `site`.
pub fn of_filling(site: &Site) -> String {
    short_hash(site.dir().as_os_str().as_encoded_bytes())
}

/// The mark of all that a supervisor runs for the environment at `site`, and of the supervisor and its guard themselves.
pub fn of_site(site: &Site) -> (&'static str, String) {
    (SITE, site.dir().display().to_string())
}

/// Takes an environment over whose supervisor was killed: its guard gets the time to end what that has left. What the two
/// could not end is ended here, and so is a guard that is still there: nothing is for it to stop any more. A supervisor
/// that runs is left alone.
pub fn take_over(taken: &Taken) -> Result<(), EngineError> {
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

/// Whether a supervisor at `site` was killed, and nobody has ended yet what it has left, or is at it.
fn has_lost_supervisor(site: &Site) -> bool {
    let is_held = |lock: &Path| Lock::is_held(lock).unwrap_or(true);
    let lock = site.supervisor_lock();
    lock.exists() && !is_held(&lock) && !is_held(&site.guard_lock())
}

/// Whether a supervisor at `site` was killed together with its guard: one that lives has the database to stop.
pub fn is_abandoned(site: &Site) -> bool {
    let is_guard = |pid: &i32| {
        let lines = command_lines_up_from(*pid);
        lines.first().is_some_and(|words| words.iter().any(|word| word == GUARD_VERB))
    };
    has_lost_supervisor(site) && !orphans(site).iter().any(is_guard)
}

/// The processes at `site` that nobody answers for any more: those of a supervisor that was killed together with its guard,
/// and those of a run of the tests whose Backlot was.
pub fn orphans(site: &Site) -> Vec<i32> {
    let (name, value) = of_site(site);
    let of_supervisor = if has_lost_supervisor(site) { all_with_variable(name, &value) } else { Vec::new() };
    let of_run = match runs::run_of(site) {
        Some(run) if !runs::is_alive(site) => all_with_variable(VARIABLE, run),
        Some(_) | None => Vec::new(),
    };
    of_supervisor.into_iter().chain(of_run).map(|process| process.pid).collect()
}

/// Ends all processes with this mark.
pub fn end_all(mark: &str) {
    end_all_with_variable(VARIABLE, mark, GRACE);
}
