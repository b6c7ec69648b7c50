//! `backlot compose`, and what Compose itself has made.

use std::time::Duration;

use backlot_process::Signal;

use crate::{Flask, ps, wait_until};

#[test]
fn compose_is_passed_on_and_what_it_made_is_known() {
    let Some(Flask { stage, .. }) = Flask::new() else { return };
    stage.on_docker(&["compose", "up", "-d", "db"]).output().assert_code(0);
    stage.backlot(&["compose", "exec", "-T", "db", "sh", "-c", "exit 7"]).output().assert(7, "", "");
    let listed = stage.backlot(&["compose", "ps", "--services"]).output().assert_code(0);
    assert_eq!(listed.stdout.trim(), "db");
    let unknown = stage.backlot(&["compose", "stop", "wbe"]).output().assert_code(1);
    assert!(unknown.stderr.contains("no such service: wbe"), "{unknown}");

    let mut logs = stage.backlot(&["compose", "logs", "-f", "db"]).start();
    let shown = || std::fs::read_to_string(stage.root().join("stdout")).unwrap();
    wait_until("its log is shown", || shown().contains("ready to accept connections"));
    logs.signal(Signal::SIGINT).unwrap();
    assert!(logs.wait(Duration::from_secs(10)).unwrap().is_some(), "Ctrl-C ends it");

    let services = {
        let outcome = stage.on_docker(&["ps", "--json"]).output().assert_code(0);
        serde_json::from_str::<Vec<serde_json::Value>>(&outcome.stdout).unwrap()
    };
    assert_eq!(services.len(), 1, "{services:?}");
    assert_eq!(
        (&services[0]["service"], &services[0]["replicas"][0]["state"]),
        (&"db".into(), &"running".into())
    );
    stage.on_docker(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();

    // What we have made is known to Compose.
    stage.on_docker(&["up", "-d", "-q", "--wait", "db"]).output().assert_prints("");
    let listed = stage.backlot(&["compose", "ps", "--services"]).output().assert_code(0);
    assert_eq!(listed.stdout.trim(), "db");
    stage.backlot(&["compose", "stop"]).output().assert_code(0);
    assert_eq!(ps(&stage, "development")[0]["replicas"][0]["state"], "completed");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
