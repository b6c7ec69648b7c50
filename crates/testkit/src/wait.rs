//! Waiting for what happens in its own time.

use std::time::Duration;

use backlot_process::wait_for;

/// Waits until `is_so`, for as long as anything may take on a busy machine.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(wait_for(Duration::from_mins(1), || is_so().then_some(())).is_some(), "never: {what}");
}
