//! `backlot config --json` against what Compose 2.26 said of the same files (see crates/project/tests/fixtures).

use std::fs;

use backlot_testkit::{Stage, copy_tree, repository};
use serde_json::Value;

use crate::BACKLOT;

/// Dates are the one thing that differs on purpose; `compose_differential.rs` says why.
const DIFFERS: &str = "dates";

#[test]
fn the_command_prints_what_compose_prints() {
    let mut compared = 0;
    let folder = repository().join("crates/project/tests/fixtures");
    for fixture in fs::read_dir(folder).unwrap().flatten() {
        let name = fixture.file_name().into_string().unwrap();
        let expected = fs::read_to_string(fixture.path().join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        if name.ends_with(DIFFERS) {
            continue;
        }
        let stage = Stage::empty(BACKLOT);
        copy_tree(&fixture.path(), &stage.project());
        let lines = |file: &str| fs::read_to_string(fixture.path().join(file)).unwrap_or_default();
        let arguments = lines("args");
        let arguments: Vec<&str> = arguments.lines().chain(["config", "--json", "--show-secrets"]).collect();
        let mut run = stage.backlot(&arguments);
        for (variable, value) in lines("process.env").lines().filter_map(|line| line.split_once('=')) {
            run = run.env(variable, value);
        }
        let outcome = run.output();
        if expected.get("refused").is_some() {
            outcome.assert_code(1);
        } else {
            let printed = outcome.assert_code(0).stdout;
            let printed = printed.replace("[project]", "/project").replace("[stage]/user", "/home");
            let mut printed: Value = serde_json::from_str(&printed.replace("[stage]", "")).unwrap();
            printed.as_object_mut().unwrap().remove("x-backlot-environment");
            assert_eq!(printed, expected, "{name}");
        }
        compared += 1;
    }
    assert!(compared >= 40, "only {compared} fixtures");
}
