//! The mark on the processes that a run of the tests, or a scenario's file, has started: by it they are found again, in
//! whatever session they ended up, when nothing may be left.

use std::time::Duration;

use backlot_process::end_all_with_variable;

use crate::home::short_hash;
use crate::site::Site;

/// The variable whose value is the mark.
pub(crate) const VARIABLE: &str = "BACKLOT_RUN";
/// How long they have to end by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// The mark of what fills the environment at `site`.
pub(crate) fn of_filling(site: &Site) -> String {
    short_hash(site.dir().as_os_str().as_encoded_bytes())
}

/// Ends all processes with this mark.
pub(crate) fn end_all(mark: &str) {
    end_all_with_variable(VARIABLE, mark, GRACE);
}
