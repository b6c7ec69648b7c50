//! Scenarios that are made of something, and compared.

use backlot_testkit::Stage;

use crate::{BACKLOT, USERS_SQL, seed};

#[test]
fn two_databases_are_compared_by_tables_columns_and_rows() {
    let stage = seed();
    stage.file("scenarios/one.sql", format!("{USERS_SQL}CREATE TABLE gone (a int); CREATE TABLE loose (a text); INSERT INTO loose VALUES ('x'), ('x');"));
    stage.file(
        "scenarios/two.sql",
        format!(
            "{USERS_SQL}ALTER TABLE users ADD COLUMN name text; DELETE FROM users WHERE id = 2; UPDATE users SET email = 'new' WHERE id = 3;\n\
             INSERT INTO users (email) VALUES ('fourth'), ('fifth'); CREATE SCHEMA shop; CREATE TABLE shop.items AS SELECT 1 AS id;\n\
             CREATE TABLE loose (a text); INSERT INTO loose VALUES ('x'), ('x'), ('x');"
        ),
    );
    for name in ["one", "two"] {
        stage.backlot(&["scenario", "up", name, "-q"]).output().assert(0, "", "…");
    }
    let diff = ["scenario", "diff", "one", "two"];
    stage.backlot(&diff).output().assert_prints(
        "TABLE       one  two  ADDED  REMOVED  CHANGED  COLUMNS\n\
         gone        0    -    -      -        -        the table is gone\n\
         loose       2    3    1      -        -        -\n\
         shop.items  -    1    -      -        -        the table is new\n\
         users       3    4    2      1        1        +name text",
    );
    let told = stage.backlot(&[&diff[..], &["-v"]].concat()).output().assert_code(0);
    assert!(
        told.stdout.ends_with("\nusers, added: (4) (5)\nusers, removed: (2)\nusers, changed: (3)\n"),
        "{told}"
    );
    let json = stage.backlot(&[&diff[..], &["--json"]].concat()).output().assert_code(0);
    crate::json::Schema::read().check("verb-scenario-diff", &json.stdout);
    stage.backlot(&["scenario", "diff", "one", "one"]).output().assert(
        0,
        "",
        "one and one have the same tables and rows",
    );
    let none = stage.backlot(&["scenario", "diff", "one", "nothing"]).output().assert_code(1);
    assert!(none.stdout.is_empty(), "{none}");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
}

#[test]
fn a_new_scenario_is_written_and_nothing_is_written_over() {
    let stage = seed();
    let new = |words: &[&str]| stage.backlot(&[&["scenario", "new"], words].concat()).output();
    new(&["first"])
        .assert_prints("scenarios/first.sql: written, and yours to change\n  backlot scenario up first");
    let again = new(&["first"]).assert_code(1);
    assert!(again.stderr.contains("scenarios/ has a file for first already"), "{again}");
    stage.file("data/01-users.sql", USERS_SQL).file("data/users.csv", "id,email\n7,seven\n");
    new(&["shop", "--from", "data/01-users.sql", "data/users.csv", "-q"]).assert_prints("");
    stage.backlot(&["scenario", "up", "shop", "-q"]).output().assert(0, "", "…");
    let count = ["scenario", "shell", "shop", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("4");
    // A dump in Postgres' own format, made by the server's own program.
    let dump = "pg_dump -Fc \"$(\"$0\" scenario url shop)\" > data/shop.dump";
    stage.run("sh", &["-c", dump, BACKLOT]).output().assert_code(0);
    new(&["of-dump", "--from", "data/shop.dump", "--dry-run"])
        .assert_prints("write [project]/scenarios/of-dump.sql");
    new(&["of-dump", "--from", "data/shop.dump", "-q"]).assert_prints("");
    stage.backlot(&["scenario", "up", "of-dump", "-q"]).output().assert(0, "…", "…");
    stage.backlot(&["scenario", "diff", "shop", "of-dump", "-q"]).output().assert_prints("");
    stage.file("data/odd.bin", [0_u8, 1, 2]);
    let odd = new(&["odd", "--from", "data/odd.bin"]).assert_code(2);
    assert!(odd.stderr.contains("is neither SQL, CSV nor a dump"), "{odd}");
    stage.file("requirements.txt", "").file("scenarios/of_python.py", "def run(): pass\n");
    let python = Stage::empty(BACKLOT);
    python
        .file("compose.yaml", "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}}")
        .file("manage.py", "");
    python.backlot(&["scenario", "new", "users", "-q"]).output().assert_prints("");
    python.backlot(&["scenario", "up", "users", "-q"]).output().assert(0, "", "…");
    python.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
}
