//! Migrations on Docker: before anything else has the database.

use crate::compose;

/// A database, a job, and a service whose command migrates by the word of a file that its image has.
const SHOP: &str = "\
services:
  db: {image: 'postgres:15', environment: {POSTGRES_PASSWORD: x}}
  web:
    build: .
    command: sleep 1000
    init: true
    environment: {PGPASSWORD: x}
    depends_on: [db]
    x-backlot: {migrate: sh migrate.sh}
";
const DOCKERFILE: &str = "FROM postgres:15\nENTRYPOINT []\nCOPY migrate.sh .\n";
const MIGRATE: &str =
    "psql -q -h db -U postgres -c 'CREATE TABLE IF NOT EXISTS item (name text)' 2>/dev/null; exit CODE\n";
const COUNT: [&str; 7] = ["db", "shell", "-c", "SELECT count(*) FROM item", "--", "-At", "-q"];

#[test]
fn what_the_files_say_migrates_with_every_up_and_before_scenarios_and_tests() {
    let Some(stage) = compose(SHOP) else { return };
    let migrate = |code: &str| {
        stage.file("migrate.sh", MIGRATE.replace("CODE", code));
    };
    stage.file("Dockerfile", DOCKERFILE).file("scenarios/items.sql", "INSERT INTO item VALUES ('cup');\n");
    migrate("3");
    let dry = stage.on_docker(&["up", "--dry-run"]).output();
    dry.assert_prints(
        "start the containers of db\nmigrate: sh migrate.sh as web\nstart the containers of web",
    );
    let up = stage.on_docker(&["up", "-d", "--wait"]).output().assert_code(1);
    let error = "error: the migration failed: sh migrate.sh as web ended with exit code 3\n  help: what it has printed is above; the \
                 database is up, as the migration has left it";
    assert!(up.stderr.contains(error), "{up}");
    stage.backlot(&COUNT).output().assert_prints("0");
    stage.backlot(&["ps", "-q"]).output().assert_prints("db-1");
    let scenario = stage.on_docker(&["scenario", "up", "items"]).output().assert_code(1);
    assert!(scenario.stderr.contains("nothing of the new database was kept"), "{scenario}");
    stage.backlot(&["scenario", "ls", "-q"]).output().assert_prints("");

    // What is thrown away has the code as it is; the rest when it is asked for.
    migrate("0");
    stage.on_docker(&["scenario", "up", "items", "-q", "--only", "db"]).output().assert_code(0);
    let count = ["scenario", "shell", "items", "-c", "SELECT count(*) FROM item", "--", "-At"];
    stage.backlot(&count).output().assert_prints("1");
    stage.on_docker(&["scenario", "up", "items", "-q", "--only", "db"]).output().assert_prints("");
    let test = stage.on_docker(&[
        "test",
        "-q",
        "--",
        "psql",
        "-h",
        "db",
        "-U",
        "postgres",
        "-Atc",
        "SELECT count(*) FROM item",
    ]);
    assert_eq!(test.output().assert_code(0).stdout, "0\n");
    let up = stage.on_docker(&["up", "-d", "--wait", "--build"]).output().assert_code(0);
    assert!(up.stderr.contains("✓ migrated  sh migrate.sh as web, done"), "{up}");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
