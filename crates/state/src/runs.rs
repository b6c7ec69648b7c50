//! Runs of the tests: their names, and whether they live.

use backlot_process::all_with_variable;

use crate::home::short_hash;
use crate::site::Site;

/// The variable that makes a Backlot the inner process of a run: its name.
pub const INNER: &str = "BACKLOT_TEST_RUN";

/// A name that no other run has.
pub fn new_mark() -> String {
    let unique = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    short_hash(unique.as_bytes())
}

/// The name on disk of a run's environment.
pub fn place_name(environment: &str, mark: &str) -> String {
    format!("{environment}.{mark}")
}

/// The run that an environment was made for, if it was made for one.
pub fn run_of(site: &Site) -> Option<&str> {
    site.environment().split_once('.').map(|(_, run)| run)
}

/// Whether the process is still there that does the work of the run that an environment was made for.
pub fn is_alive(site: &Site) -> bool {
    run_of(site).is_some_and(|run| !all_with_variable(INNER, run).is_empty())
}
