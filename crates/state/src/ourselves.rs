//! Our own program, under the hidden verbs by which it does its work in the background.

use backlot_process::{ProcessError, Program};

/// The hidden verb under which our program makes spares.
pub const STOCK_VERB: &str = "__stock";
/// The hidden verb under which our program is the guard of a supervisor.
pub const GUARD_VERB: &str = "__guard";
/// The hidden verb under which our program is a supervisor.
pub const SUPERVISOR_VERB: &str = "__supervisor";
/// The hidden verb under which our program is the front door.
pub const DOOR_VERB: &str = "__door";
/// The hidden verb under which our program is the janitor.
pub const JANITOR_VERB: &str = "__janitor";

/// The hidden verb under which our program looks whether a worktree is still there.
pub const CHECKOUT_VERB: &str = "__checkout";

/// Our own program.
pub fn ourselves() -> Result<Program, ProcessError> {
    let start = |source| ProcessError::Start { program: "backlot".into(), source };
    std::env::current_exe().map(Program::new).map_err(start)
}
