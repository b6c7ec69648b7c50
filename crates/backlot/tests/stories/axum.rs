//! The axum example, in the Compose layout, as it is.

use backlot_testkit::{Stage, free_port, get};

use crate::BACKLOT;

#[test]
fn its_scenarios_and_its_tests() {
    scenarios_and_tests(Stage::example(BACKLOT, "axum"));
}

/// Scenarios of every kind, and its tests.
pub(crate) fn scenarios_and_tests(stage: Stage) {
    stage.under_git();
    for (name, expected) in [("users", "3"), ("million", "1000000")] {
        stage.backlot(&["scenario", "up", name, "-q", "--only", "db"]).output().assert(0, "…", "…");
        let count = ["scenario", "shell", name, "-c", "SELECT count(*) FROM users", "--", "-At"];
        stage.backlot(&count).output().assert_prints(expected);
    }
    let stage = stage.with_cargo();
    stage.backlot(&["scenario", "up", "foo", "-q", "--only", "db"]).output().assert(
        0,
        "HEY! This is scenario foo",
        "…",
    );
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.backlot(&["test"]).output().assert_code(0);
    stage.assert_clean_tree();
}

#[test]
fn the_whole_stack() {
    let stage = Stage::example(BACKLOT, "axum").with_cargo();
    let (web, db) = (free_port(), free_port());
    let compose = std::fs::read_to_string(stage.project().join("compose.yaml")).unwrap();
    let compose = compose.replace("127.0.0.1:5432:5432", &format!("127.0.0.1:{db}:5432"));
    stage.file("compose.yaml", compose.replace("3000:3000", &format!("{web}:3000")));
    stage.under_git();
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_prints("");
    assert_eq!(get(web, "/").unwrap(), (200, "Hello, World!".into()));
    assert_eq!(get(web, "/users").unwrap(), (200, "Number of users: 0".into()));
    stage.assert_clean_tree();
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
