//! Services that do not come up.

use crate::blog::{ps, replicas, single, wait_until};

/// The command of a service that notes each of its starts, and dies.
const DIES: &str = "[\"sh\", \"-c\", \"echo start >> starts; echo 'no such table' >&2; exit 7\"]";

#[test]
fn one_that_dies_at_start_is_told_at_once_whatever_its_restart_policy() {
    for policy in ["always", "unless-stopped", "on-failure"] {
        let stage = single(DIES, &format!("    restart: {policy}\n"));
        let failed = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(1);
        // Nobody waited for the pauses between restarts: they were few, at most one more in the time that it took to ask.
        let starts = || std::fs::read_to_string(stage.project().join("starts")).unwrap().lines().count();
        assert!(starts() <= 3, "{} starts, {policy}\n{failed}", starts());
        let told = "error: web exited with code 7; it is started again, as its restart policy says\n";
        assert!(failed.stderr.contains(told) && failed.stderr.contains("no such table"), "{failed}");
        // In the background it goes on.
        wait_until("it is tried again", || starts() >= 5);
        assert_eq!(replicas(&ps(&stage, "development"), "web").len(), 1);
        stage.backlot(&["down", "-q"]).output().assert_prints("");
    }
}
