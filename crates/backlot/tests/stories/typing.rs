//! What is typed nearly right, or as other tools have it; and what `backlot` alone shows.

use backlot_testkit::Stage;

use crate::{BACKLOT, seed};

const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: pw}}
  web: {image: web, command: sleep 1000, depends_on: [db]}
";

#[test]
fn a_scenario_that_is_nearly_named_is_not_an_empty_one() {
    let stage = seed();
    stage.file("scenarios/users.sql", "SELECT 1");
    for arguments in [
        &["scenario", "up", "usres"][..],
        &["scenario", "down", "usres"],
        &["scenario", "url", "usres"],
        &["scenario", "shell", "usres"],
        &["scenario", "env", "usres"],
        &["scenario", "logs", "usres"],
        &["scenario", "run", "usres", "true"],
    ] {
        let outcome = stage.backlot(arguments).output().assert_code(2);
        assert!(outcome.stderr.contains("there is no scenario usres: did you mean users?"), "{outcome}");
    }
    stage.assert_nothing_left();
    stage.backlot(&["scenario", "up", "usres", "--empty", "--only", "db", "-q"]).output().assert(0, "", "");
    // One that is up is called so, and is what another name is near to.
    stage.backlot(&["scenario", "url", "usres"]).output().assert_code(0);
    let outcome = stage.backlot(&["scenario", "down", "usress"]).output().assert_code(2);
    assert!(outcome.stderr.contains("did you mean us"), "{outcome}");
    stage.backlot(&["scenario", "down", "usres", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn an_environment_that_no_file_knows_is_an_error_for_every_verb() {
    let stage = seed();
    for verb in ["ps", "down", "logs", "endpoints", "wait", "top", "stop"] {
        let outcome = stage.backlot(&["-e", "prodution", verb]).output().assert_code(1);
        assert!(outcome.stderr.contains("there is no environment \"prodution\""), "{outcome}");
        assert!(outcome.stderr.contains("did you mean production?"), "{outcome}");
    }
}

#[test]
fn services_stop_and_start_as_with_compose() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE);
    stage.backlot(&["start", "-q"]).output().assert_code(0);
    stage.backlot(&["wait", "-q"]).output().assert_code(0);
    stage.backlot(&["stop", "web", "-q"]).output().assert_code(0);
    stage.backlot(&["status", "-q"]).output().assert(0, "db-1", "");
    stage.backlot(&["start", "web", "-q"]).output().assert_code(0);
    stage.backlot(&["wait", "-q"]).output().assert_code(0);
    stage.backlot(&["status", "-q"]).output().assert(0, "db-1\nweb-1", "");
    let variables = stage.backlot(&["env"]).output().assert_code(0);
    assert!(variables.stdout.lines().all(|line| line.starts_with("export ")), "{variables}");
    // What was committed a moment before is kept, in a database that nobody keeps, too.
    let sql =
        |sql: &str| stage.backlot(&["exec", "db", "psql", "-Atq", "-U", "postgres", "-c", sql]).output();
    sql("CREATE TABLE item (name text); INSERT INTO item VALUES ('cup')").assert_code(0);
    stage.backlot(&["stop", "-q"]).output().assert_code(0);
    stage.backlot(&["ps", "-q"]).output().assert(0, "", "");
    stage.backlot(&["start", "-q"]).output().assert_code(0);
    stage.backlot(&["wait", "-q"]).output().assert_code(0);
    sql("SELECT name FROM item").assert(0, "cup", "");
    stage.backlot(&["stop", "-q"]).output().assert_code(0);
    // A database alone has nobody who could stop it but us.
    stage.backlot(&["start", "db", "-q"]).output().assert_code(0);
    stage.backlot(&["stop", "db", "-q"]).output().assert_code(0);
    stage.backlot(&["ps", "-q"]).output().assert(0, "", "");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn backlot_alone_shows_the_project() {
    let stage = seed();
    stage.file("scenarios/users.sql", "SELECT 1");
    let glance = stage.backlot(&[]).output().assert_code(0);
    for part in ["Not up: development, production, testing", "Scenarios: users", "backlot up  "] {
        assert!(glance.stdout.contains(part), "no {part:?} in\n{glance}");
    }
    stage.backlot(&["scenario", "up", "none", "--empty", "--only", "db", "-q"]).output().assert_code(0);
    let glance = stage.backlot(&["--json"]).output().assert_code(0);
    let shown: serde_json::Value = serde_json::from_str(&glance.stdout).unwrap();
    assert_eq!(shown["up"][0]["environment"], "scenario_none", "{glance}");
    stage.backlot(&["scenario", "down", "none", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn usage_errors_are_json_too() {
    let stage = seed();
    for arguments in [&["--json", "up", "--wiat"][..], &["--json", "lgos"], &["pull", "--json"]] {
        let outcome = stage.backlot(arguments).output().assert_code(2);
        let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert!(error["error"]["message"].is_string(), "{outcome}");
    }
}
