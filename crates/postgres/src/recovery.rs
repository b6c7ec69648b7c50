//! Whether a server is at its recovery from a crash.

use backlot_process::{ProcessId, command_lines_up_from, with_descendants};

/// Whether a server recovers from a crash right now: it has a process for that. Where the system does not tell (no
/// `/proc`), it does not.
///
/// One that recovers from the crash of one of its processes, and is asked for a fast shutdown meanwhile, waits for its
/// checkpointer for ever (seen with Postgres 15). It may as well be stopped at once: its next start recovers again.
pub fn is_recovering(postmaster: ProcessId) -> bool {
    let is_startup = |pid: &i32| {
        let lines = command_lines_up_from(*pid);
        let title = lines.first().map(|words| words.join(" ")).unwrap_or_default();
        title.starts_with("postgres:") && title.contains(" startup")
    };
    with_descendants(postmaster.pid).iter().any(is_startup)
}
