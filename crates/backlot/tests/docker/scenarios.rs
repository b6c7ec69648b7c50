//! `backlot --engine docker scenario`.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::{DockerStage, Stage, get};
use serde_json::Value;

use crate::{BACKLOT, wait_until};

const COUNT: [&str; 7] = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];

/// The scenarios that are up.
fn listed(stage: &DockerStage) -> Vec<Value> {
    let listed = stage.backlot(&["scenario", "ls", "--json"]).output().assert_code(0);
    serde_json::from_str(&listed.stdout).unwrap()
}

/// The port of a scenario's web page, as `ls` has it.
fn page(scenario: &Value) -> u16 {
    scenario["services"][0]["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap()
}

#[test]
fn a_scenario_from_up_to_down() {
    let Some(stage) = DockerStage::new(|| Stage::example(BACKLOT, "flask")) else { return };
    stage.under_git();
    stage.on_docker(&["scenario", "up", "users"]).output().assert(
        0,
        "Scenario users is ready on port … (…).\n  SQL shell:  backlot -p [name] scenario shell users\n  URL:        …\n  web:        …http://127.0.0.1:…",
        "…\n…✓ started   db on 127.0.0.1:…\n  ✓ database  application created  …\n  ✓ scenario  scenarios/users.py  …\n…\n  ✓ started   web  …",
    );
    stage.backlot(&["scenario", "ls"]).output().assert_prints(
        "NAME   STATE    ENGINE  PORT …DATABASE     SIZE …AGE  SERVICES\nusers  running  docker  …  application  … MiB  …s …web:…",
    );
    let scenarios = listed(&stage);
    let port = scenarios[0]["port"].as_u64().unwrap();
    let web = page(&scenarios[0]);
    wait_until("the page is there", || get(web, "/users").is_ok_and(|(status, _)| status == 200));
    assert_eq!(get(web, "/users").unwrap().1, "Number of users: 3");
    only_this_machine(&stage);
    look_inside(&stage, port);

    stage
        .backlot(&["scenario", "shell", "users", "-c", "DELETE FROM users", "--", "-q"])
        .output()
        .assert_prints("");
    stage.backlot(&["scenario", "up", "users"]).output().assert(
        0,
        "Scenario users is running on port … (anew: backlot -p [name] scenario up --fresh users).\n…",
        "",
    );
    stage.backlot(&COUNT).output().assert_prints("0");
    stage.backlot(&["scenario", "up", "users", "--fresh", "-q", "--wait"]).output().assert_prints("");
    stage.backlot(&COUNT).output().assert_prints("3");
    assert_eq!(get(page(&listed(&stage)[0]), "/users").unwrap().1, "Number of users: 3");

    // A second one at the same time.
    stage
        .on_docker(&["scenario", "up", "foo", "--only", "db", "-q"])
        .output()
        .assert_prints("HEY! This is scenario foo");
    let names: Vec<Value> = listed(&stage).iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["foo", "users"]);
    stage.backlot(&["scenario", "down", "users"]).output().assert(0, "", "scenario users removed");
    assert_eq!(listed(&stage).len(), 1);
    stage.backlot(&["scenario", "down", "--all"]).output().assert(0, "", "scenario foo removed");
    stage.assert_nothing_left();
    stage.assert_clean_tree();
}

/// All that is published is published on this machine alone.
fn only_this_machine(stage: &DockerStage) {
    let format =
        "{{range $port, $all := .NetworkSettings.Ports}}{{range $all}}{{println .HostIp}}{{end}}{{end}}";
    for container in stage.containers() {
        let addresses = stage.docker(&["inspect", "-f", format, &container]).assert_code(0).stdout;
        let mut addresses = addresses.split_whitespace().peekable();
        assert!(addresses.peek().is_some());
        assert!(addresses.all(|address| address == "127.0.0.1"));
    }
}

/// Its shell, URL, variables and commands.
fn look_inside(stage: &DockerStage, port: u64) {
    stage.backlot(&COUNT).output().assert_prints("3");
    stage
        .backlot(&["scenario", "shell", "users", "--", "-At"])
        .stdin("SELECT 1;\nSELECT 2;\n")
        .output()
        .assert_prints("1\n2");
    stage.backlot(&["scenario", "shell", "users", "-c", "SELECT nothing"]).output().assert(
        1,
        "",
        "ERROR:  column \"nothing\" does not exist\n…",
    );
    let url = stage.backlot(&["scenario", "url", "users"]).output().assert_code(0).stdout;
    assert_eq!(url.trim(), format!("postgresql://postgres:postgres@127.0.0.1:{port}/application"));
    stage
        .run("psql", &[url.trim(), "-Atc", "SELECT current_database()"])
        .output()
        .assert_prints("application");
    let env = stage.backlot(&["scenario", "env", "users"]).output().assert_code(0).stdout;
    for line in ["export APPLICATION_SCENARIO_NAME=users", &format!("export POSTGRES_PORT={port}")] {
        assert!(env.lines().any(|found| found == line), "no {line} in\n{env}");
    }
    let script = "psql -Atc 'SELECT count(*) FROM users'; echo $POSTGRES_HOSTNAME; exit 3";
    stage.backlot(&["scenario", "run", "users", "--", "sh", "-c", script]).output().assert(
        3,
        "3\n127.0.0.1",
        "",
    );
}

#[test]
fn a_failed_scenario_is_kept_to_be_looked_at() {
    let Some(stage) = DockerStage::new(|| Stage::seed(BACKLOT)) else { return };
    stage.file(
        "scenarios/half.sql",
        "CREATE TABLE half (n int);\nINSERT INTO half VALUES (1);\nSELECT nothing;\n",
    );
    stage.on_docker(&["scenario", "up", "half"]).output().assert(
        1,
        "",
        "…\n  ✗ scenario  scenarios/half.sql failed with exit code 3  …\nerror: scenario half failed: its file ended with exit code 3\n…\n  help: remove it: backlot -p [name] scenario down half",
    );
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nhalf  failed  docker  …");
    let look = ["scenario", "shell", "half", "-c", "SELECT n FROM half", "--", "-At"];
    stage.backlot(&look).output().assert_prints("1");
    // The next one makes it anew.
    stage.file("scenarios/half.sql", "CREATE TABLE whole (n int);\n");
    stage.on_docker(&["scenario", "up", "half", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nhalf  running  docker  …");
    stage.backlot(&["scenario", "down", "half", "-q"]).output().assert_prints("");
}

#[test]
fn a_scenario_with_compose_1() {
    let Some(stage) = DockerStage::with_compose_1(|| Stage::example(BACKLOT, "flask")) else { return };
    stage.under_git();
    stage.on_docker(&["scenario", "up", "users", "-q", "--wait"]).output().assert_prints("");
    let names =
        stage.docker(&["ps", "--format", "{{.Names}}", "--filter", &format!("name={}", stage.name())]);
    assert!(names.stdout.contains("_scenario_users_db_1"), "{names}");
    stage.backlot(&COUNT).output().assert_prints("3");
    assert_eq!(get(page(&listed(&stage)[0]), "/users").unwrap().1, "Number of users: 3");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
    stage.assert_clean_tree();
}

#[test]
fn an_up_that_is_interrupted_leaves_nothing_and_a_killed_one_is_mended() {
    let Some(stage) = DockerStage::new(|| Stage::seed(BACKLOT)) else { return };
    stage.file("scenarios/slow.sql", "CREATE TABLE begun ();\nSELECT pg_sleep(600);\n");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut up = stage.on_docker(&["scenario", "up", "slow"]).start();
        wait_until("a container is made", || !stage.containers().is_empty());
        up.signal(signal).unwrap();
        let ended = up.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        assert_eq!(backlot_process::exit_code(ended), 130);
        stage.assert_nothing_left();
    }
    let mut up = stage.on_docker(&["scenario", "up", "slow"]).start();
    let begun = ["scenario", "shell", "slow", "-c", "SELECT count(*) FROM begun", "--", "-At"];
    wait_until("it is being filled", || stage.backlot(&begun).output().stdout.trim() == "0");
    up.signal(Signal::SIGKILL).unwrap();
    up.wait(Duration::from_secs(20)).unwrap().expect("it ends");
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nslow  half-made  docker …");
    stage.file("scenarios/slow.sql", "CREATE TABLE finished ();\n");
    stage.on_docker(&["scenario", "up", "slow", "-q"]).output().assert_prints("");
    let finished = ["scenario", "shell", "slow", "-c", "SELECT count(*) FROM finished", "--", "-At"];
    stage.backlot(&finished).output().assert_prints("0");
    stage.backlot(&["scenario", "down", "slow", "-q"]).output().assert_prints("");
}
