//! What is wrong with a project wherever it runs.

use backlot_facts::database;
use backlot_state::EngineError;

use crate::programs::NO_VERSION;

/// Whether another engine makes nothing of it, either: a password that is not there, a Dockerfile that is not there, a script that
/// cannot be executed.
pub fn is_so_on_all(error: &EngineError) -> bool {
    let code = error.code();
    code == NO_VERSION || code == database::OF_ALL_ENGINES || backlot_stack::OF_ALL_ENGINES.contains(&code)
}
