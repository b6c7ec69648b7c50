//! Whether a server is at its recovery from a crash.

use backlot_process::{ProcessId, command_lines_up_from, with_descendants};

/// Whether a server recovers from a crash right now: it has a process for that. Where the system does not tell (no
/// `/proc`), it does not.
///
/// One that recovers from the crash of one of its processes, and is asked for a fast shutdown meanwhile, waits for its
/// checkpointer for ever (seen with Postgres 15). It may as well be stopped at once: its next start recovers again.
pub fn is_recovering(postmaster: ProcessId) -> bool {
    let is_at_it = |pid: &i32| {
        let lines = command_lines_up_from(*pid);
        is_startup(&lines.first().map(|words| words.join(" ")).unwrap_or_default())
    };
    with_descendants(postmaster.pid).iter().any(is_at_it)
}

/// Whether this is the title of the process that recovers: `postgres: startup recovering 0000…`, with the cluster's name
/// in front of it if it has one. Who connects has `startup` behind an address for a moment, and is not meant.
fn is_startup(title: &str) -> bool {
    let Some(title) = title.strip_prefix("postgres: ") else { return false };
    let title =
        title.rsplit_once(": ").map_or(title, |(_cluster, title)| title).trim_end_matches([' ', '\0']);
    title == "startup" || title.starts_with("startup recovering") || title.starts_with("startup waiting")
}

#[cfg(test)]
mod tests {
    use super::is_startup;

    #[test]
    fn who_connects_is_no_recovery() {
        let recovering = [
            "postgres: startup recovering 000000010000000000000001",
            "postgres: main: startup   ",
            "postgres: startup",
        ];
        for title in recovering {
            assert!(is_startup(title), "{title}");
        }
        for title in [
            "postgres: app shop [local] startup",
            "postgres: app shop 127.0.0.1(51234) startup",
            "postgres: walwriter ",
        ] {
            assert!(!is_startup(title), "{title}");
        }
    }
}
