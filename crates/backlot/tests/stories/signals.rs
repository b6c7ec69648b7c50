//! Whoever ends or is killed while a whole stack runs, nothing of it stays: each stage ends with the leak check.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::{Stage, get};

use crate::BACKLOT;
use crate::blog::{Blog, blog, ps, replicas, wait_until};

#[test]
fn a_foreground_that_is_told_to_end_stops_everything() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let Blog { stage, web, .. } = &blog();
        let mut run = stage.backlot(&["up"]).start();
        wait_until("web answers", || get(*web, "/").is_ok());
        run.signal(signal).unwrap();
        let status = run.wait(Duration::from_secs(30)).unwrap().expect("it ends");
        assert_eq!(backlot_process::exit_code(status), 130);
        assert!(get(*web, "/").is_err());
        assert!(ps(stage, "development").is_empty());
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
        stage.assert_nothing_left();
    }
}

#[test]
fn a_killed_postmaster_or_replica_without_a_policy_is_told_and_the_rest_can_go() {
    let Blog { stage, web, .. } = &blog();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    for service in ["db", "web"] {
        stage.kill(&replicas(&ps(stage, "development"), service)[0]["pid"].to_string());
        wait_until("it is told", || replicas(&ps(stage, "development"), service)[0]["state"] == "failed");
        let told = stage.backlot(&["wait", service]).output().assert_code(1);
        assert!(told.stderr.contains(&format!("error: {service} ")), "{told}");
    }
    assert!(get(*web, "/").map_or(true, |(status, _)| status == 503));
    // An up mends it.
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "…");
    assert_eq!(get(*web, "/").unwrap().0, 200);
    stage.kill(&replicas(&ps(stage, "development"), "db")[0]["pid"].to_string());
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_foreground_ends_when_nothing_runs_any_more_and_tells_whether_something_has_failed() {
    for (line, code) in [("echo done", 0), ("echo done; exit 3", 1)] {
        let stage = Stage::empty(BACKLOT);
        let job = format!("  job: {{image: a, command: sh -c '{line}'}}\n");
        let next = "  next: {image: a, command: sh -c 'sleep 0.3; exit 0', depends_on: {job: {condition: service_completed_successfully}}}\n";
        stage.file("compose.yaml", format!("services:\n{job}{next}"));
        let up = stage.backlot(&["up"]).output().assert_code(code);
        assert!(up.stdout.contains("done"), "{up}");
        assert!(up.stderr.contains("nothing of development runs any more"), "{up}");
        stage.assert_nothing_left();
    }
}
