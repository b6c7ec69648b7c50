//! `backlot up` of what runs already: what changed is touched, and nothing else.

use serde_json::Value;

use crate::up::{Blog, blog, ps, replicas};

/// The process of each replica of a service.
fn processes(services: &[Value], service: &str) -> Vec<u64> {
    replicas(services, service).iter().filter_map(|replica| replica["pid"].as_u64()).collect()
}

#[test]
fn another_shell_restarts_nothing() {
    let Blog { stage, .. } = &blog();
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("TERM", "xterm").output().assert(0, "", "…");
    let before = ps(stage, "development");
    let path = format!("/nowhere:{}", std::env::var("PATH").unwrap());
    let again = stage.backlot(&["up", "-d", "--wait", "-q"]);
    again.env("PATH", path).env("TERM", "vt100").env("LC_ALL", "C").output().assert(0, "", "");
    let after = ps(stage, "development");
    for service in ["db", "web"] {
        assert_eq!(processes(&before, service), processes(&after, service), "{service}");
    }
    // A service has no terminal; what is run beside it has the caller's.
    let terminal = ["exec", "web", "sh", "-c", "echo $TERM"];
    stage.backlot(&terminal).env("TERM", "vt220").output().assert_prints("vt220");
    stage.backlot(&terminal).output().assert_prints("");
    // What the project's own variables say is another matter, for those that get them.
    stage.backlot(&["up", "-d", "--wait", "-q"]).env("FLASK_ENV", "production").output().assert(0, "", "…");
    let changed = ps(stage, "development");
    assert_eq!(processes(&before, "db"), processes(&changed, "db"));
    assert_ne!(processes(&before, "web"), processes(&changed, "web"));
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
