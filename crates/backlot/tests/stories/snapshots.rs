//! Going back to what a database was: scenarios as they were filled before, reset and fork, snapshots by name.

use std::path::Path;

use backlot_process::{ProcessId, Signal};
use backlot_testkit::{Stage, wait_until};

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: pw}VOLUME}
  web: {image: web, command: sleep 1000, depends_on: [db]}
";
const DURABLE: &str = ", volumes: ['data:/var/lib/postgresql/data']";
const ITEMS: &str = "CREATE TABLE item AS SELECT g AS id FROM generate_series(1, 100) g;\n";

fn shop(is_durable: bool) -> Stage {
    let stage = Stage::empty(BACKLOT);
    let compose = COMPOSE.replace("VOLUME", if is_durable { DURABLE } else { "" });
    let volumes = if is_durable { "volumes: {data: }\n" } else { "" };
    stage.file("compose.yaml", compose + volumes);
    stage.file("scenarios/items.sql", ITEMS);
    stage
}

#[track_caller]
fn ask(stage: &Stage, scenario: &str, sql: &str) -> String {
    let shell = ["scenario", "shell", scenario, "-c", sql, "--", "-Atq"];
    stage.backlot(&shell).output().assert_code(0).stdout.trim().to_owned()
}

#[track_caller]
fn ask_development(stage: &Stage, sql: &str) -> String {
    let psql = ["exec", "db", "psql", "-U", "postgres", "-Atqc", sql];
    stage.backlot(&psql).output().assert_code(0).stdout.trim().to_owned()
}

const COUNT: &str = "SELECT count(*) FROM item";

#[test]
fn a_scenario_that_nothing_has_changed_is_as_it_was_filled_before() {
    let stage = shop(false);
    let up = |more: &[&str]| {
        let run = stage.backlot(&[&["scenario", "up", "items", "--only", "db"][..], more].concat());
        let said = run.output().assert_code(0).stderr;
        stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
        said.contains(" has filled it ")
    };
    assert!(!up(&[]) && up(&[]), "the second one runs nothing");
    assert!(!up(&["--fresh"]) && up(&[]));
    // What is not in the file does not count for one that uses nothing else.
    stage.file("other.sql", "SELECT 1;\n");
    assert!(up(&[]));
    stage.file("scenarios/items.sql", format!("\\i ../other.sql\n{ITEMS}"));
    assert!(!up(&[]) && up(&[]));
    stage.file("other.sql", "SELECT 12;\n");
    assert!(!up(&[]) && up(&[]), "it may use all of the project");
    // What a link leads to, and what is hidden, is part of it; what is outside cannot be known.
    for (path, text) in [(".hidden/a.sql", "SELECT 3;"), (".hidden/a.sql", "SELECT 4;")] {
        stage.file(path, text);
        assert!(!up(&[]) && up(&[]), "{text}");
    }
    stage.file("scenarios/items.sql", format!("\\set hosts /etc/hosts\n{ITEMS}"));
    assert!(!up(&[]) && !up(&[]));
    stage.file("scenarios/items.sql", format!("\\i ../other.sql\n{ITEMS}"));
    assert!(!up(&[]) && up(&[]));
    let plan = stage.backlot(&["scenario", "up", "items", "--only", "db", "--dry-run"]).output();
    assert!(plan.stdout.contains("without running it"), "{plan}");
    let other = stage.backlot(&["scenario", "up", "items", "--only", "db"]).env("SEED", "5").output();
    assert!(!other.stderr.contains(" has filled it "), "{other}");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
    stage.file("compose.yaml", COMPOSE.replace("VOLUME", "") + "x-backlot: {snapshot: false}\n");
    assert!(!up(&[]) && !up(&[]));
    stage.assert_nothing_left();
}

#[test]
fn what_a_file_printed_is_shown_again() {
    let stage = shop(false);
    stage.program("scenarios/said", "#!/bin/sh\nsleep 0.1\necho said\necho told >&2\nsleep 1000 &\n");
    let up = ["scenario", "up", "said", "--only", "db"];
    let first = stage.backlot(&up).output().assert_code(0);
    assert!(first.stdout.starts_with("said\nScenario said is ready"), "{first}");
    assert!(!first.stderr.contains("printed when it ran"), "{first}");
    stage.backlot(&["scenario", "down", "said", "-q"]).output().assert_code(0);
    let second = stage.backlot(&up).output().assert_code(0);
    assert!(second.stdout.starts_with("said\nScenario said is ready"), "{second}");
    assert!(second.stderr.contains("what scenarios/said printed when it ran:"), "{second}");
    stage.backlot(&["scenario", "down", "said", "-q"]).output().assert_code(0);
    let json = stage.backlot(&[&up[..], &["--json"]].concat()).output().assert_code(0);
    assert!(json.stdout.starts_with('{') && json.stderr.contains("said\n"), "{json}");
    stage.backlot(&["scenario", "down", "said", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn one_that_fails_or_changes_while_it_is_filled_is_not_kept() {
    let stage = shop(false);
    stage.file("scenarios/items.sql", format!("{ITEMS}SELECT 1 / 0;\n"));
    let up = ["scenario", "up", "items", "--only", "db"];
    for _ in 0..2 {
        stage.backlot(&up).output().assert_code(1);
        let reset = stage.backlot(&["scenario", "reset", "items"]).output().assert_code(1);
        assert!(reset.stderr.contains("was not filled as it should be"), "{reset}");
        stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
    }
    stage.file("scenarios/items.sql", format!("{ITEMS}\\! echo '-- more' >> items.sql\n"));
    for _ in 0..2 {
        let said = stage.backlot(&up).output().assert_code(0);
        assert!(!said.stderr.contains(" has filled it "), "{said}");
        let reset = stage.backlot(&["scenario", "reset", "items"]).output().assert_code(1);
        assert!(reset.stderr.contains("was not kept"), "{reset}");
        stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
    }
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_is_reset_beside_its_services() {
    let stage = shop(false);
    let down = stage.backlot(&["scenario", "reset", "items"]).output().assert_code(1);
    assert!(down.stderr.contains("is not up") && down.stderr.contains("scenario up items"), "{down}");
    stage.backlot(&["scenario", "up", "items", "--wait", "-q"]).output().assert_code(0);
    let web = stage.find_process("sleep 1000");
    let url = stage.backlot(&["scenario", "url", "items"]).output().stdout;
    for _ in 0..3 {
        ask(&stage, "items", "DELETE FROM item WHERE id > 7; CREATE TABLE more (id int)");
        stage.backlot(&["scenario", "reset", "items", "-q"]).output().assert_prints("");
        assert_eq!(ask(&stage, "items", COUNT), "100");
        assert_eq!(ask(&stage, "items", "SELECT to_regclass('more') IS NULL"), "t");
    }
    assert_eq!(stage.find_process("sleep 1000"), web, "what runs beside it goes on");
    assert_eq!(stage.backlot(&["scenario", "url", "items"]).output().stdout, url);
    let ps = stage.backlot(&["-e", "scenario_items", "ps", "-q"]).output();
    assert_eq!(ps.stdout, "db-1\nweb-1\n", "{ps}");
    // An empty one has something to go back to, too.
    stage.backlot(&["scenario", "up", "empty", "--empty", "--only", "db", "-q"]).output().assert_code(0);
    ask(&stage, "empty", "CREATE TABLE more (id int)");
    stage.backlot(&["scenario", "reset", "empty", "-q"]).output().assert_code(0);
    assert_eq!(ask(&stage, "empty", "SELECT to_regclass('more') IS NULL"), "t");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_is_forked_while_it_is_written_to() {
    let stage = shop(false);
    stage.backlot(&["scenario", "up", "items", "--only", "db", "-q"]).output().assert_code(0);
    let rows = "INSERT INTO item SELECT 1000 + g FROM generate_series(1, 300000) g";
    ask(&stage, "items", &format!("CREATE UNLOGGED TABLE quick AS SELECT 1; {rows}"));
    let writer = Writer::begin(&stage, &["scenario", "shell", "items", "--"]);
    let before = writer.acknowledged();
    let fork =
        stage.backlot(&["scenario", "fork", "items", "items-bug", "--only", "db"]).output().assert_code(0);
    assert!(
        fork.stderr.contains("unlogged tables are empty in the copy") && fork.stderr.contains("quick"),
        "{fork}"
    );
    assert!(!fork.stderr.contains("the database is empty"), "{fork}");
    writer.end();
    // All that was acknowledged is there, and each row once: its writer goes on, and numbers them.
    let written =
        "SELECT count(*) = max(n) AND max(n) >= BEFORE FROM written".replace("BEFORE", &before.to_string());
    assert_eq!(ask(&stage, "items-bug", &written), "t");
    assert_eq!(ask(&stage, "items-bug", "SELECT count(*) FROM item WHERE id > 1000"), "300000");
    ask(&stage, "items-bug", "DELETE FROM item");
    assert_eq!(ask(&stage, "items", COUNT), "300100");
    // It goes back to what the other one was filled with.
    stage.backlot(&["scenario", "reset", "items-bug", "-q"]).output().assert_code(0);
    assert_eq!(ask(&stage, "items-bug", COUNT), "100");
    let again = stage.backlot(&["scenario", "fork", "items", "items-bug"]).output().assert_code(2);
    assert!(again.stderr.contains("there is a scenario items-bug already"), "{again}");
    stage.file("scenarios/named.sql", "SELECT 1");
    let named = stage.backlot(&["scenario", "fork", "items", "named"]).output().assert_code(2);
    assert!(named.stderr.contains("has a file for named"), "{named}");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_volume_is_kept_while_it_is_written_to_and_put_back() {
    let stage = shop(true);
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_code(0);
    ask_development(&stage, "CREATE TABLE item AS SELECT g AS id FROM generate_series(1, 100) g");
    let writer = Writer::begin(&stage, &["exec", "-T", "db", "psql", "-U", "postgres"]);
    let before = writer.acknowledged();
    let saved = stage.backlot(&["snapshot", "save", "monday"]).output().assert_code(0);
    assert!(saved.stdout.contains("development is kept as monday"), "{saved}");
    writer.end();
    let again = stage.backlot(&["snapshot", "save", "monday"]).output().assert_code(1);
    assert!(again.stderr.contains("there is a snapshot monday already"), "{again}");
    ask_development(&stage, "DELETE FROM item");
    let asks = stage.backlot(&["snapshot", "restore", "monday"]).output().assert_code(2);
    assert!(asks.stderr.contains("--yes") && ask_development(&stage, COUNT) == "0", "{asks}");
    let restored =
        stage.backlot(&["snapshot", "restore", "monday", "--yes", "--json"]).output().assert_code(0);
    assert_eq!(ask_development(&stage, COUNT), "100");
    let written =
        "SELECT count(*) = max(n) AND max(n) >= BEFORE FROM written".replace("BEFORE", &before.to_string());
    assert_eq!(ask_development(&stage, &written), "t");
    stage.backlot(&["wait", "-q"]).output().assert_code(0);
    stage.backlot(&["ps", "-q"]).output().assert(0, "db-1\nweb-1\nweb-2", "");
    // What was there is kept, and can be put back while nothing runs.
    let told: serde_json::Value = serde_json::from_str(&restored.stdout).unwrap();
    let kept = told["before"].as_str().unwrap().to_owned();
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.backlot(&["snapshot", "restore", &kept, "-y", "-q"]).output().assert_code(0);
    stage.backlot(&["up", "-d", "-q"]).output().assert_code(0);
    assert_eq!(ask_development(&stage, COUNT), "0");
    let unknown = stage.backlot(&["snapshot", "restore", "tuesday", "-y"]).output().assert_code(1);
    assert!(
        unknown.stderr.contains("there is no snapshot tuesday") && unknown.stderr.contains("monday"),
        "{unknown}"
    );
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
    // Snapshots outlive what they were made of.
    stage.backlot(&["snapshot", "restore", "monday", "-y", "-q"]).output().assert_code(0);
    stage.backlot(&["up", "-d", "-q"]).output().assert_code(0);
    assert_eq!(ask_development(&stage, COUNT), "100");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
    remove_all(&stage);
    stage.assert_nothing_left();
}

#[test]
fn scenarios_and_what_is_stopped_are_kept_and_put_back() {
    let stage = shop(false);
    stage.backlot(&["scenario", "up", "items", "--only", "db", "-q"]).output().assert_code(0);
    ask(&stage, "items", "CREATE UNLOGGED TABLE quick AS SELECT 1");
    let nothing = stage.backlot(&["snapshot", "save", "x"]).output().assert_code(1);
    assert!(nothing.stderr.contains("development is not up"), "{nothing}");
    stage.backlot(&["-e", "scenario_items", "stop", "-q"]).output().assert_code(0);
    let saved = stage.backlot(&["snapshot", "save", "items", "mine"]).output().assert_code(0);
    assert!(!saved.stderr.contains("unlogged"), "{saved}");
    stage.backlot(&["scenario", "up", "items", "--only", "db", "-q"]).output().assert_code(0);
    assert_eq!(ask(&stage, "items", "SELECT count(*) FROM quick"), "1", "one that was stopped is as it was");
    ask(&stage, "items", "DROP TABLE item");
    stage.backlot(&["snapshot", "restore", "items", "mine", "-y", "-q"]).output().assert_code(0);
    assert_eq!(
        ask(&stage, "items", "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM quick)"),
        "101"
    );
    let ps = stage.backlot(&["-e", "scenario_items", "ps", "-q"]).output();
    assert_eq!(ps.stdout, "db-1\n", "what ran runs again, and nothing else: {ps}");
    // Also where its file has failed.
    stage.file("scenarios/failed.sql", "SELECT 1 / 0;\n");
    stage.backlot(&["scenario", "up", "failed", "--only", "db", "-q"]).output().assert_code(1);
    stage.backlot(&["snapshot", "restore", "failed", "mine", "-y", "-q"]).output().assert_code(0);
    assert_eq!(ask(&stage, "failed", COUNT), "100");
    stage.backlot(&["scenario", "down", "failed", "-q"]).output().assert_code(0);
    for name in ["../x", ".x", "a b"] {
        let bad = stage.backlot(&["snapshot", "save", "items", name]).output().assert_code(1);
        assert!(bad.stderr.contains("is no name for a snapshot"), "{bad}");
    }
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
    remove_all(&stage);
    stage.assert_nothing_left();
}

/// Removes all snapshots, which nothing else does.
fn remove_all(stage: &Stage) {
    let listing = stage.backlot(&["snapshot", "ls", "--json"]).output().assert_code(0);
    let all: serde_json::Value = serde_json::from_str(&listing.stdout).unwrap();
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    stage.backlot(&[&["snapshot", "rm", "-y", "-q"][..], &names].concat()).output().assert_code(0);
    stage.backlot(&["snapshot", "ls", "-q"]).output().assert_prints("");
}

/// Somebody who writes row after row, and knows which were acknowledged.
struct Writer<'a> {
    stage: &'a Stage,
    child: backlot_process::Child,
}

impl<'a> Writer<'a> {
    fn begin(stage: &'a Stage, shell: &[&str]) -> Self {
        let rows =
            "INSERT INTO written SELECT coalesce(max(n), 0) + 1 FROM written;\n\\echo .\n".repeat(100_000);
        stage.file("writes.sql", format!("CREATE TABLE written (n int PRIMARY KEY);\n{rows}"));
        let log = stage.project().join("writes.log");
        let words = [shell, &["-q", "-f", "writes.sql", "-o", log.to_str().unwrap()]].concat();
        let script = format!("exec \"$0\" {} > {}", words.join(" "), log.display());
        let child = stage.run("sh", &["-c", &script, BACKLOT]).start();
        let writer = Self { stage, child };
        wait_until("rows are written", || writer.acknowledged() > 50);
        writer
    }

    fn acknowledged(&self) -> usize {
        let log = std::fs::read(self.stage.project().join(Path::new("writes.log"))).unwrap_or_default();
        String::from_utf8_lossy(&log).matches('.').count()
    }

    /// Nobody has cut its connection meanwhile.
    fn end(mut self) {
        let before = self.acknowledged();
        wait_until("it goes on", || self.acknowledged() > before);
        for process in self.stage.find_processes("writes.sql") {
            let _ = ProcessId::signal(&process, Signal::SIGTERM);
        }
        let _ = self.child.wait(std::time::Duration::from_secs(10));
    }
}
