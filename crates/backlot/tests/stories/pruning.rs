//! What is kept for the next time goes when nobody needs it: `backlot prune`.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use backlot_testkit::{Stage, wait_until};

use crate::BACKLOT;
use crate::worktrees::{Shop, shop};

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: pw}
    volumes: ['data:/var/lib/postgresql/data']
volumes: {data: }
";

/// A project in a home that has nothing of other stories: their templates would go.
fn alone() -> Stage {
    let stage = Stage::empty(BACKLOT).with_own_templates();
    stage.file("compose.yaml", COMPOSE);
    stage
}

/// What is listed, each with whether it goes.
fn listed(stage: &Stage, more: &[&str]) -> Vec<(String, String, bool)> {
    let words = [&["prune", "--dry-run", "--json"][..], more].concat();
    let list: serde_json::Value =
        serde_json::from_str(&stage.backlot(&words).output().assert_code(0).stdout).unwrap();
    let text = |item: &serde_json::Value, key: &str| item[key].as_str().unwrap().to_owned();
    let items = list.as_array().unwrap().iter();
    items.map(|item| (text(item, "kind"), text(item, "name"), item["goes"].as_bool().unwrap())).collect()
}

#[test]
fn what_nobody_needs_goes_and_what_somebody_has_made_stays() {
    let stage = alone();
    stage.file("scenarios/items.sql", "CREATE TABLE item ();");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    stage.backlot(&["snapshot", "save", "monday", "-q"]).output().assert_prints("");
    stage.backlot(&["snapshot", "restore", "monday", "--yes", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "up", "items", "-q"]).output().assert_prints("");

    let all = listed(&stage, &["--all"]);
    let kinds = |kind: &str, goes: bool| all.iter().filter(|one| one.0 == kind && one.2 == goes).count();
    assert_eq!(kinds("snapshot", true), 1, "what a restore has kept: {all:?}");
    assert_eq!(kinds("snapshot", false), 1, "{all:?}");
    assert_eq!(kinds("template", false), 1, "the scenario can be reset to it: {all:?}");
    assert!(kinds("template", true) > 0, "{all:?}");
    // Nothing of it is old yet.
    let templates =
        |all: &[(String, String, bool)]| all.iter().filter(|one| one.0 == "template" && one.2).count();
    assert_eq!(templates(&listed(&stage, &[])), 0);

    stage.backlot(&["prune", "-q"]).output().assert(
        2,
        "",
        "error: data would be gone, and nobody can be asked\n  help: say --yes to do it\n",
    );
    stage.backlot(&["prune", "--all", "--yes"]).output().assert_prints("…\n…are free\n");
    let left = listed(&stage, &["--all"]);
    assert!(left.iter().all(|one| !one.2) && left.len() == 2, "{left:?}");
    stage.backlot(&["scenario", "reset", "items", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_prints("");
    // A spare is being made of the one.
    wait_until("monday is all that is left", || {
        stage.backlot(&["prune", "--all", "-q"]).output().assert_code(0);
        listed(&stage, &["--all"]).len() == 1
    });

    // What is old goes without --all.
    stage.backlot(&["scenario", "up", "items", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_prints("");
    wait_until("the spare is made", || stage.find_processes("__stock").is_empty());
    for template in std::fs::read_dir(stage.home().join("templates")).unwrap().flatten() {
        let Ok(marker) = File::options().append(true).open(template.path().join("complete")) else {
            continue;
        };
        marker.set_modified(SystemTime::now() - Duration::from_hours(8 * 24)).unwrap();
    }
    assert!(templates(&listed(&stage, &[])) > 0);
    stage.backlot(&["prune"]).output().assert_prints("template …\n…\n…are free\n");
    stage.backlot(&["prune"]).output().assert_prints("nothing was to be removed\n");
    stage.backlot(&["snapshot", "rm", "monday", "--yes", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

/// What killed commands have left, of all projects.
#[test]
fn what_killed_commands_have_left_goes() {
    let stage = alone();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    let home = stage.home();
    let project = std::fs::read_dir(home.join("projects")).unwrap().next().unwrap().unwrap().path();
    for left in [
        project.join("scenario_x/removed/data"),
        home.join("templates/making-1/data"),
        home.join("snapshots/other-1/making-1"),
    ] {
        std::fs::create_dir_all(left).unwrap();
    }
    std::fs::write(home.join("snapshots/other-1/lock"), "").unwrap();
    assert_eq!(listed(&stage, &[]).iter().filter(|one| one.0 == "left over" && one.2).count(), 3);
    stage.backlot(&["prune", "-q"]).output().assert_prints("");
    assert_eq!(listed(&stage, &[]).iter().filter(|one| one.0 == "left over").count(), 0);
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

/// The lines about things of a kind.
fn listed_of(shop: &Shop, at: &Path, kind: &str) -> Vec<String> {
    let listed = shop.run(at, &["prune", "--dry-run"]).assert_code(0).stdout;
    listed.lines().filter(|line| line.starts_with(kind)).map(str::to_owned).collect()
}

/// Data of a checkout that is gone stays until somebody says that it is to go.
#[test]
fn the_data_of_a_checkout_that_is_gone_goes_when_that_is_asked_for() {
    let shop = shop();
    let (main, feature) = (shop.stage.project(), shop.worktree("feature"));
    shop.up(&feature);
    shop.ask(&feature, "CREATE TABLE kept ()");
    shop.run(&feature, &["stop", "-q"]).assert_code(0);
    // One that was only moved has it still.
    let moved = feature.with_file_name("renamed");
    std::fs::rename(&feature, &moved).unwrap();
    for at in [&main, &moved] {
        assert!(!listed_of(&shop, at, "orphan").iter().any(|line| line.ends_with("goes")));
    }
    std::fs::remove_dir_all(&moved).unwrap();
    let listed = shop.run(&main, &["prune", "--dry-run"]).assert_code(0);
    let line =
        listed.stdout.lines().find(|line| line.starts_with("orphan ")).unwrap_or_else(|| panic!("{listed}"));
    assert!(line.contains("/feature (development)") && line.ends_with("goes"), "{listed}");
    let refused = shop.run(&main, &["prune"]).assert_code(2);
    assert!(refused.stderr.starts_with("error: data would be gone"), "{refused}");
    assert!(shop.run(&main, &["ls", "--all"]).assert_code(0).stdout.contains("feature"));
    shop.run(&main, &["prune", "--yes", "-q"]).assert_prints("");
    assert!(!shop.run(&main, &["prune", "--dry-run"]).assert_code(0).stdout.contains("orphan"));
    shop.stage.assert_nothing_left();
}
