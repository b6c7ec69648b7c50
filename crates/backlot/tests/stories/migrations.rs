//! Migrations: what the files name as such runs once, before anything else has the database.

use backlot_testkit::{Stage, wait_until};

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
    assert!(again.stderr.contains("cloned with its data") && !again.stderr.contains("\nran\n"), "{again}");
    assert_eq!(rows(&stage, "items"), "1");
    let none = stage.backlot(&["scenario", "up", "none", "--only", "db"]).output().assert_code(0);
    assert!(none.stderr.contains("cloned, migrated") && !none.stderr.contains("\nran\n"), "{none}");
    stage.backlot(&["scenario", "down", "none", "-q"]).output().assert_prints("");
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

#[test]
fn a_scenario_that_fails_tells_of_migrations_that_nothing_has_run() {
    let stage = shop(
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  web: {build: ./backend, command: sleep 1000}\n",
        "0",
    );
    stage.file("backend/alembic.ini", "[alembic]\n");
    let up = stage.backlot(&["scenario", "up", "items", "--only", "db"]).output().assert_code(1);
    let hint = "help: Alembic's migrations were not run before: `x-backlot: {migrate: alembic upgrade head}` under service web of \
                the Compose file does that";
    assert!(up.stderr.contains(hint), "{up}");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn what_a_service_migrates_when_it_starts_is_there_before_a_scenario_is_filled_and_tests_are_run() {
    if !has_views() {
        return;
    }
    let compose = "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  web:\n    build: ./backend\n    \
                   command: sleep 1000\n    environment: {URL: 'postgres://postgres:x@db:5432/postgres'}\n    depends_on: [db]\n";
    let stage = shop(compose, "0");
    stage.file(
        "backend/Dockerfile",
        "FROM python:3\nWORKDIR /code\nCOPY . .\nRUN chmod +x entry.sh\nENTRYPOINT [\"/code/entry.sh\"]\n",
    );
    stage.file("backend/manage.py", "import os\nos.system('sh migrate.sh')\n");
    stage.file("backend/entry.sh", "#!/bin/sh\nset -e\npython3 manage.py migrate --noinput\nexec \"$@\"\n");
    let up = stage.backlot(&["scenario", "up", "items", "--only", "db"]).output().assert_code(0);
    assert!(up.stderr.contains("✓ migrated  python3 manage.py migrate --noinput as web, done"), "{up}");
    assert_eq!(rows(&stage, "items"), "1");
    let test = stage.backlot(&["test", "-q", "--", "psql", "-Atc", "SELECT count(*) FROM item"]).output();
    assert_eq!(test.stdout, "0\n", "{test}");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    // In development the service does it.
    let plan = stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    assert!(!plan.contains("migrate"), "{plan}");
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_that_is_made_anew_stays_as_it_was_when_the_new_one_fails() {
    if !has_views() {
        return;
    }
    let stage = shop(SHOP, "0");
    let fresh =
        |more: &[&str]| stage.backlot(&[&["scenario", "up", "items", "--fresh"][..], more].concat()).output();
    fresh(&["--wait"]).assert_code(0);
    let insert = ["scenario", "shell", "items", "-c", "INSERT INTO item VALUES ('mine')"];
    stage.backlot(&insert).output().assert_code(0);
    let services = || stage.backlot(&["-e", "scenario_items", "ps", "-q"]).output().stdout.lines().count();
    let (before, port) = (services(), stage.backlot(&["scenario", "url", "items"]).output().stdout);
    // A migration that fails, and a file that does.
    stage.file("backend/migrate.sh", MIGRATE.replace("CODE", "3"));
    let failed = fresh(&[]).assert_code(1);
    assert!(failed.stderr.contains("error: the migration failed"), "{failed}");
    assert_eq!(rows(&stage, "items"), "2", "{failed}");
    wait_until("its services run again", || services() == before);
    stage.file("backend/migrate.sh", MIGRATE.replace("CODE", "0"));
    stage.file("scenarios/items.sql", "INSERT INTO nothing VALUES (1);\n");
    let failed = fresh(&[]).assert_code(1);
    assert!(failed.stderr.contains("the scenario that was there before runs again, as it was"), "{failed}");
    assert_eq!(rows(&stage, "items"), "2", "{failed}");
    wait_until("its services run again", || services() == before);
    assert_eq!(stage.backlot(&["scenario", "url", "items"]).output().stdout, port);
    // One that works takes its place.
    stage.file("scenarios/items.sql", "INSERT INTO item VALUES ('new');\n");
    fresh(&[]).assert_code(0);
    assert_eq!(rows(&stage, "items"), "1");
    stage.backlot(&["scenario", "down", "items", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
