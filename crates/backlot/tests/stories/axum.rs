//! The axum example, in the Compose layout, as it is.

use backlot_testkit::Stage;

use crate::BACKLOT;

/// Names a directory for what cargo builds of the example, which outlives a test.
const TARGET: &str = "BACKLOT_TEST_AXUM_TARGET";

#[test]
fn its_scenarios_and_its_tests() {
    let stage = Stage::example(BACKLOT, "axum");
    stage.under_git();
    for (name, expected) in [("users", "3"), ("million", "1000000")] {
        stage.backlot(&["scenario", "up", name, "-q"]).output().assert(0, "…", "…");
        let count = ["scenario", "shell", name, "-c", "SELECT count(*) FROM users", "--", "-At"];
        stage.backlot(&count).output().assert_prints(expected);
    }
    let (target, cargo_home) = (std::env::var(TARGET), std::env::var("CARGO_HOME"));
    let real_home = std::env::var("HOME").unwrap();
    let target = target.unwrap_or_else(|_| stage.root().join("target").display().to_string());
    let stage = stage
        .with("CARGO_TARGET_DIR", target)
        .with("CARGO_HOME", cargo_home.unwrap_or_else(|_| format!("{real_home}/.cargo")))
        .with("RUSTUP_HOME", std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{real_home}/.rustup")));
    stage.backlot(&["scenario", "up", "foo", "-q"]).output().assert(0, "HEY! This is scenario foo", "…");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.backlot(&["test"]).output().assert_code(0);
    stage.assert_clean_tree();
}
