//! How a scenario goes back to what it was filled with: what differs is copied, or a spare takes its place; and whoever is
//! killed at that, the next one is right.

use std::fs;
use std::path::PathBuf;

use backlot_process::Signal;
use backlot_testkit::{Stage, wait_until};

use crate::BACKLOT;

const COMPOSE: &str = "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: pw}}}\n";
/// More than is copied rather than exchanged.
const LARGE: &str = "\
CREATE TABLE item AS SELECT g AS id, 0 AS n, repeat('x', 90) AS note FROM generate_series(1, 200000) g;
CREATE TABLE visit AS SELECT g AS id, 0 AS n FROM generate_series(1, 100) g;
";
const CHANGE_ALL: &str =
    "UPDATE item SET n = n + 1 WHERE id % 20 = 0; UPDATE visit SET n = 1; CREATE TABLE more (); CHECKPOINT";

/// A scenario in a home that has nothing of other stories: they would take its spares.
fn large() -> Stage {
    let stage = Stage::empty(BACKLOT).with_own_templates();
    stage.file("compose.yaml", COMPOSE);
    stage.file("scenarios/large.sql", LARGE);
    stage.backlot(&["scenario", "up", "large", "-q"]).output().assert_prints("");
    stage
}

#[track_caller]
fn ask(stage: &Stage, scenario: &str, sql: &str) -> String {
    let shell = ["scenario", "shell", scenario, "-c", sql, "--", "-Atq"];
    stage.backlot(&shell).output().assert_code(0).stdout.trim().to_owned()
}

#[track_caller]
fn assert_as_filled(stage: &Stage, scenario: &str) {
    let all = "SELECT count(*), sum(item.n), sum(length(note)), (SELECT sum(n) FROM visit), to_regclass('more') IS NULL FROM item";
    assert_eq!(ask(stage, scenario, all), "200000|0|18000000|0|t");
}

/// How the scenario went back, as it is told.
#[track_caller]
fn reset(stage: &Stage) -> String {
    let said = stage.backlot(&["scenario", "reset", "large", "-v"]).output().assert_code(0).stderr;
    assert_as_filled(stage, "large");
    said
}

/// What there is of spares of all templates.
fn spares(stage: &Stage) -> Vec<PathBuf> {
    let folders = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let all = folders(stage.home().join("templates")).flat_map(|template| folders(template.join("spares")));
    all.filter(|path| path.is_dir()).collect()
}

fn wait_for_spares(stage: &Stage) {
    wait_until("spares are made", || stage.find_processes("__stock").is_empty());
    assert!(!spares(stage).is_empty());
}

#[test]
fn what_differs_is_copied_or_a_spare_takes_its_place() {
    let stage = large();
    wait_for_spares(&stage);
    let copies = |said: &str| {
        assert!(said.contains("copies share blocks") || said.contains("copies are of all bytes"), "{said}");
    };
    ask(&stage, "large", "UPDATE visit SET n = n + 1; CREATE TABLE more (); CHECKPOINT");
    let said = reset(&stage);
    copies(&said);
    assert!(said.contains("files that had changed (") && said.contains(" MiB) were copied"), "{said}");
    // The large table as well: the spare is quicker.
    for _ in 0..2 {
        wait_for_spares(&stage);
        ask(&stage, "large", CHANGE_ALL);
        let said = reset(&stage);
        assert!(said.contains("a spare took its place"), "{said}");
        // What was there before becomes the next one.
        wait_until("a spare is made again", || {
            stage.find_processes("__stock").is_empty()
                && spares(&stage).iter().any(|spare| spare.to_string_lossy().contains("/ready-"))
        });
    }
    ask(&stage, "large", CHANGE_ALL);
    for spare in spares(&stage) {
        fs::remove_dir_all(spare).unwrap();
    }
    let said = reset(&stage);
    assert!(said.contains("files that had changed"), "{said}");
    // Since the machine was started anew nobody knows what has been lost.
    wait_for_spares(&stage);
    let record = stage.home().join("projects");
    let project = fs::read_dir(record).unwrap().flatten().next().unwrap().path();
    let record = project.join("scenario_large/live/record.json");
    let text = fs::read_to_string(&record).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(told["boot"].is_string(), "{text}");
    told["boot"] = "another".into();
    fs::write(&record, told.to_string()).unwrap();
    ask(&stage, "large", "UPDATE visit SET n = n + 1");
    let said = reset(&stage);
    assert!(said.contains("took its place"), "{said}");
    stage.backlot(&["scenario", "down", "large", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn a_fork_is_a_spare_and_what_differs() {
    let stage = large();
    wait_for_spares(&stage);
    ask(&stage, "large", "UPDATE visit SET n = 7; CREATE TABLE more (); DELETE FROM item WHERE id = 5");
    for is_running in [true, false] {
        if !is_running {
            stage.backlot(&["-e", "scenario_large", "stop", "-q"]).output().assert_code(0);
        }
        wait_for_spares(&stage);
        let fork = ["scenario", "fork", "large", "other", "-q"];
        stage.backlot(&fork).output().assert_prints("");
        let all = "SELECT count(*), (SELECT sum(n) FROM visit), to_regclass('more') IS NULL FROM item";
        assert_eq!(ask(&stage, "other", all), "199999|700|f", "running: {is_running}");
        // It goes back to what the other one was filled with.
        stage.backlot(&["scenario", "reset", "other", "-q"]).output().assert_prints("");
        assert_as_filled(&stage, "other");
        stage.backlot(&["scenario", "down", "other", "-q"]).output().assert_prints("");
    }
    stage.backlot(&["scenario", "up", "large", "-q"]).output().assert_prints("");
    assert_eq!(ask(&stage, "large", "SELECT count(*) FROM item"), "199999");
    stage.backlot(&["scenario", "down", "large", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn whoever_is_killed_at_it_leaves_nothing_half_made() {
    let stage = large();
    for _ in 0..4 {
        ask(&stage, "large", CHANGE_ALL);
        stage.backlot(&["scenario", "reset", "large", "-q"]).output().assert_prints("");
        // Whoever makes the next spare, wherever it is by then.
        for maker in stage.find_processes("__stock") {
            let _ = maker.signal(Signal::SIGKILL);
        }
        assert_as_filled(&stage, "large");
    }
    let before = |stage: &Stage| {
        let projects = fs::read_dir(stage.home().join("projects")).into_iter().flatten().flatten();
        projects
            .map(|project| project.path().join("scenario_large/live/data-before"))
            .any(|path| path.exists())
    };
    for _ in 0..4 {
        ask(&stage, "large", CHANGE_ALL);
        let mut reset = stage.backlot(&["scenario", "reset", "large", "-q"]).start();
        wait_until("its server has stopped", || before(&stage) || !reset.id().is_alive());
        let _ = reset.id().signal(Signal::SIGKILL);
        reset.wait(std::time::Duration::from_secs(10)).unwrap();
        stage.backlot(&["scenario", "up", "large", "-q"]).output().assert_code(0);
        assert_as_filled(&stage, "large");
    }
    // What the killed ones have left goes with the next command.
    wait_until("nothing is unfinished", || {
        stage.backlot(&["scenario", "up", "large", "-q"]).output().assert_code(0);
        let is_whole = |spare: &PathBuf| spare.to_string_lossy().contains("/ready-");
        stage.find_processes("__stock").is_empty() && spares(&stage).iter().all(is_whole)
    });
    stage.backlot(&["scenario", "down", "large", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
