//! Migrations: what the files name as such runs once, before anything else has the database.

use backlot_testkit::Stage;

use crate::{BACKLOT, has_views};

/// A shop whose job makes a table, and notes that it has run.
const SHOP: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}VOLUME}
  migrate:
    build: ./backend
    command: sh migrate.sh
    working_dir: /code
    volumes: ['./backend:/code']
    environment: {URL: 'postgres://postgres:x@db:5432/postgres'}
    depends_on: [db]
  web:
    build: ./backend
    command: sleep 1000
    depends_on: {migrate: {condition: service_completed_successfully}}
";

const MIGRATE: &str = "psql -q \"$URL\" -c 'CREATE TABLE IF NOT EXISTS item (name text)' 2>&1 | grep -v NOTICE\necho ran >&2\nexit CODE\n";

fn shop(compose: &str, code: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose.replace("VOLUME", ""));
    stage.file("backend/Dockerfile", "FROM python:3\n");
    stage.file("backend/migrate.sh", MIGRATE.replace("CODE", code));
    stage.file("scenarios/items.sql", "INSERT INTO item VALUES ('cup');\n");
    stage
}

#[track_caller]
fn rows(stage: &Stage, scenario: &str) -> String {
    let shell = ["scenario", "shell", scenario, "-c", "SELECT count(*) FROM item", "--", "-At"];
    stage.backlot(&shell).output().assert_code(0).stdout.trim().to_owned()
}

#[test]
fn a_scenario_is_filled_after_the_job_that_migrates_and_the_next_one_is_cloned_with_that() {
    if !has_views() {
        return;
    }
    let stage = shop(SHOP, "0");
    let up = stage.backlot(&["scenario", "up", "items", "--only", "db"]).output().assert_code(0);
    assert!(up.stderr.contains("✓ migrated  migrate, done"), "{up}");
    assert!(up.stderr.contains("\nran\n"), "{up}");
    assert_eq!(rows(&stage, "items"), "1");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_prints("");
    let again = stage.backlot(&["scenario", "up", "items", "--only", "db"]).output().assert_code(0);
    assert!(again.stderr.contains("cloned, migrated") && !again.stderr.contains("\nran\n"), "{again}");
    assert_eq!(rows(&stage, "items"), "1");
    // What has changed is run again.
    stage.file("backend/more.py", "x = 1\n");
    let dry =
        stage.backlot(&["scenario", "up", "empty", "--only", "db", "--dry-run"]).output().assert_code(0);
    assert!(dry.stdout.contains("migrate: migrate\n"), "{dry}");
    let other = stage.backlot(&["scenario", "up", "empty", "--only", "db"]).output().assert_code(0);
    assert!(other.stderr.contains("\nran\n"), "{other}");
    // One that runs has its data, and is left alone.
    let same = stage.backlot(&["scenario", "up", "empty", "--only", "db"]).output().assert_code(0);
    assert!(!same.stderr.contains("ran\n"), "{same}");
    let test = stage.backlot(&["test", "-q", "--", "psql", "-Atc", "SELECT count(*) FROM item"]).output();
    test.assert(0, "0", "…");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn a_migration_that_fails_shows_what_it_has_said_and_leaves_nothing_of_a_new_scenario() {
    if !has_views() {
        return;
    }
    let stage = shop(SHOP, "3");
    let up = stage.backlot(&["scenario", "up", "items"]).output().assert_code(1);
    assert!(up.stderr.contains("ran\n"), "{up}");
    let error = "error: the migration failed: migrate ended with exit code 3\n  help: what it has printed is above; nothing of";
    assert!(up.stderr.contains(error), "{up}");
    stage.backlot(&["scenario", "ls", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn a_durable_database_is_migrated_once_for_what_its_code_says_and_keeps_its_data_when_that_fails() {
    if !has_views() {
        return;
    }
    let named = SHOP
        .replace("  migrate:\n", "  tool:\n")
        .replace(", depends_on", "")
        .replace("VOLUME", ", volumes: ['data:/var/lib/postgresql/data']");
    let named =
        named.split("  web:").next().unwrap().replace("command: sh migrate.sh", "command: sleep 1000")
            + "    x-backlot: {migrate: sh migrate.sh}\nvolumes: {data: {}}\n";
    let stage = shop(&named, "0");
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(up.stderr.contains("✓ migrated  sh migrate.sh as tool, done"), "{up}");
    let insert = ["db", "shell", "-c", "INSERT INTO item VALUES ('cup')", "--", "-q"];
    stage.backlot(&insert).output().assert_code(0);
    let again = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(!again.stderr.contains("migrated"), "{again}");
    stage.file("backend/migrate.sh", MIGRATE.replace("CODE", "4"));
    let failed = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(1);
    assert!(failed.stderr.contains("ended with exit code 4"), "{failed}");
    assert!(failed.stderr.contains("the database is up, as the migration has left it"), "{failed}");
    let count = ["db", "shell", "-c", "SELECT count(*) FROM item", "--", "-At"];
    stage.backlot(&count).output().assert(0, "1", "…");
    stage.file("backend/migrate.sh", MIGRATE.replace("CODE", "0"));
    let mended = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(mended.stderr.contains("✓ migrated"), "{mended}");
    stage.backlot(&["down", "-q", "--volumes", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_job_that_only_its_image_has_is_named() {
    let image =
        SHOP.replace("    build: ./backend\n    command: sh migrate.sh\n", "    image: flyway/flyway\n");
    let stage = shop(&image, "0");
    stage.file("scenarios/none.sql", "SELECT 1;\n");
    let up = stage.backlot(&["scenario", "up", "none", "--only", "db", "--engine", "native"]).output();
    assert!(
        up.stderr.contains("the database is not migrated by migrate: service migrate has no command"),
        "{up}"
    );
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
