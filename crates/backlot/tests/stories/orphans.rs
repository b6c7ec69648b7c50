//! Checkouts that go, move, and come back: what runs of them, and what is kept.

use std::fs;

use backlot_process::ProcessId;
use backlot_testkit::wait_until;
use serde_json::Value;

use crate::json::Schema;
use crate::worktrees::{Shop, shop};

/// All environments of the machine.
fn all(shop: &Shop) -> Vec<Value> {
    let listed = shop.run(&shop.stage.project(), &["ls", "--all", "--json"]).assert_code(0).stdout;
    Schema::read().check("verb-ls", &listed);
    serde_json::from_str(&listed).unwrap()
}

fn row<'r>(rows: &'r [Value], branch: &str) -> Option<&'r Value> {
    rows.iter().find(|row| row["branch"] == branch)
}

fn no_process_of(shop: &Shop, name: &str) -> bool {
    let found: Vec<ProcessId> = shop.stage.find_processes(&format!("-{name}/"));
    found.is_empty()
}

/// The end of the names of a checkout's folders.
fn hash(shop: &Shop, branch: &str) -> String {
    let known = fs::read_dir(shop.stage.home().join("checkouts")).unwrap().flatten();
    let mut all =
        known.filter_map(|entry| serde_json::from_slice::<Value>(&fs::read(entry.path()).ok()?).ok());
    all.find(|known| known["branch"] == branch).unwrap()["hash"].as_str().unwrap().to_owned()
}

#[test]
fn all_of_the_machine_are_listed_with_project_branch_and_addresses() {
    let shop = shop();
    let (main, feature) = (shop.stage.project(), shop.worktree("feature"));
    assert!(all(&shop).is_empty());
    shop.up(&main);
    let (web, db) = shop.up(&feature);
    shop.run(&feature, &["scenario", "up", "none", "--empty", "--only", "db", "-q"]).assert_code(0);
    let rows = all(&shop);
    assert_eq!(rows.len(), 3, "{rows:#?}");
    let found = row(&rows, "feature").unwrap();
    assert_eq!(
        (found["project"].as_str(), found["environment"].as_str()),
        (Some("shop"), Some("development"))
    );
    assert_eq!((found["state"].as_str(), found["engine"].as_str()), (Some("running"), Some("native")));
    assert_eq!(found["root"], "[stage]/feature");
    assert_eq!(
        found["addresses"],
        serde_json::json!([format!("127.0.0.1:{db}"), format!("127.0.0.1:{web}")])
    );
    assert!(found["size"].as_u64().unwrap() > 1_000_000, "{found}");
    shop.run(&feature, &["down", "-q"]).assert_code(0);
    shop.run(&feature, &["scenario", "down", "none", "-q"]).assert_code(0);
    let rows = all(&shop);
    let found = row(&rows, "feature").unwrap();
    assert_eq!((found["state"].as_str(), &found["addresses"]), (Some("down"), &serde_json::json!([])));
    let table = shop.run(&main, &["ls", "--all"]).assert_code(0).stdout;
    assert!(table.starts_with("PROJECT  BRANCH") && table.lines().count() == 3, "{table}");
    shop.down(&feature);
    shop.down(&main);
    assert!(all(&shop).is_empty());
}

#[test]
fn when_a_worktree_goes_its_environment_stops_and_its_data_is_an_orphan_that_can_be_adopted() {
    let shop = shop();
    let (main, feature) = (shop.stage.project(), shop.worktree("feature"));
    shop.up(&feature);
    shop.ask(&feature, "CREATE TABLE kept AS SELECT 42 AS id");
    // One without services is looked after, too.
    shop.run(&feature, &["scenario", "up", "none", "--empty", "--only", "db", "-q"]).assert_code(0);
    let id = hash(&shop, "feature");
    assert!(!no_process_of(&shop, &id));
    shop.stage
        .run("git", &["worktree", "remove", "--force", feature.to_str().unwrap()])
        .output()
        .assert_code(0);
    wait_until("all of it has stopped", || no_process_of(&shop, &id));
    let rows = all(&shop);
    assert_eq!(rows.len(), 1, "what is thrown away is gone: {rows:#?}");
    assert_eq!((rows[0]["state"].as_str(), rows[0]["branch"].as_str()), (Some("orphan"), Some("feature")));
    // It is this project's for any of its checkouts.
    let other = shop.worktree_of("other", "other");
    let dry = shop.run(&other, &["adopt", "--dry-run"]).assert_code(0);
    assert!(dry.stdout.contains(feature.to_str().unwrap()) || dry.stdout.contains("/feature"), "{dry}");
    // One that is made at the same place does not find it by itself, but is told of it.
    let again = shop.worktree_of("feature", "again");
    let dry = shop.run(&again, &["up", "-d", "--dry-run"]).assert_code(0);
    assert!(dry.stderr.contains(&format!("`backlot adopt {id}` takes it over")), "{dry}");
    shop.run(&again, &["adopt"]).assert(
        0,
        "",
        "development of [stage]/feature (…): this checkout's from now on",
    );
    shop.up(&again);
    assert_eq!(shop.ask(&again, "SELECT id FROM kept"), "42");
    let failed = shop.run(&main, &["adopt"]).assert_code(1);
    assert!(failed.stderr.contains("there is no orphan of shop"), "{failed}");
    shop.down(&again);
}

#[test]
fn one_that_is_moved_stops_and_finds_its_data_again_and_a_copy_does_not_take_it() {
    let shop = shop();
    let feature = shop.worktree("feature");
    let (web, db) = shop.up(&feature);
    shop.ask(&feature, "CREATE TABLE kept AS SELECT 42 AS id");
    let copy = shop.stage.root().canonicalize().unwrap().join("copy");
    let words = ["-r", feature.to_str().unwrap(), copy.to_str().unwrap()];
    shop.stage.run("cp", &words).output().assert_code(0);
    let moved = shop.stage.root().canonicalize().unwrap().join("moved");
    let words = ["worktree", "move", feature.to_str().unwrap(), moved.to_str().unwrap()];
    shop.stage.run("git", &words).output().assert_code(0);
    let id = hash(&shop, "feature");
    wait_until("all of it has stopped", || no_process_of(&shop, &id));
    let dry = shop.run(&copy, &["up", "-d", "--dry-run"]).assert_code(0);
    assert!(dry.stdout.contains("cluster"), "{dry}");
    assert_eq!(shop.up(&moved), (web, db));
    assert_eq!(shop.ask(&moved, "SELECT id FROM kept"), "42");
    assert_eq!(row(&all(&shop), "feature").unwrap()["root"], "[stage]/moved");
    shop.up(&copy);
    assert_eq!(shop.ask(&copy, "SELECT to_regclass('kept') IS NULL"), "t");
    // Renamed by hand, as a directory.
    shop.run(&moved, &["down", "-q"]).assert_code(0);
    let again = moved.with_file_name("again");
    fs::rename(&moved, &again).unwrap();
    assert_eq!(shop.up(&again), (web, db));
    assert_eq!(shop.ask(&again, "SELECT id FROM kept"), "42");
    shop.down(&again);
    shop.down(&copy);
}
