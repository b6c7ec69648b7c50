//! Whoever ends or is killed while a whole stack runs, nothing of it stays: each stage ends with the leak check.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::get;

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
