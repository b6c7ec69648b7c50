//! Every kind of scenario file.

use crate::{USERS_SQL, seed};

const COUNT: [&str; 7] = ["scenario", "shell", "it", "-c", "SELECT count(*) FROM users", "--", "-At"];
const UP: [&str; 4] = ["scenario", "up", "it", "-q"];
const DOWN: [&str; 4] = ["scenario", "down", "it", "-q"];

#[test]
fn python_with_run() {
    let stage = seed();
    stage.file(
        "scenarios/it.py",
        "import os, subprocess\n\
         def run():\n\
         \x20   print('HEY! This is scenario', os.environ['APPLICATION_SCENARIO_NAME'], flush=True)\n\
         \x20   subprocess.run(['psql', '-qc', 'CREATE TABLE users (); INSERT INTO users DEFAULT VALUES'], check=True)\n",
    );
    stage.under_git();
    stage.backlot(&UP).output().assert_prints("HEY! This is scenario it");
    stage.backlot(&COUNT).output().assert_prints("1");
    stage.assert_clean_tree();
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn python_without_run_says_so() {
    let stage = seed();
    stage.file("scenarios/it.py", "x = 1\n");
    stage.backlot(&UP).output().assert(
        1,
        "",
        "[project]/scenarios/it.py has no function run()\nerror: scenario it failed…\n…",
    );
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn sql_with_include_and_copy() {
    let stage = seed();
    stage.file("scenarios/it.sql", "\\i tables.inc\n\\copy users (email) from 'users.txt'\n");
    stage.file("scenarios/tables.inc", "CREATE TABLE users (id serial, email text);\n");
    stage.file("scenarios/users.txt", "a@x\nb@x\n");
    stage.backlot(&UP).output().assert_prints("");
    stage.backlot(&COUNT).output().assert_prints("2");
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn a_program_and_a_shell_script() {
    let stage = seed();
    stage.program("scenarios/it", "#!/bin/sh\npwd\npsql -qc 'CREATE TABLE users ()'\n");
    stage.backlot(&UP).output().assert_prints("[project]");
    stage.backlot(&COUNT).output().assert_prints("0");
    stage.backlot(&DOWN).output().assert_prints("");
    std::fs::remove_file(stage.project().join("scenarios/it")).unwrap();
    stage.program("scenarios/it.sh", "#!/bin/sh\npsql -qc 'CREATE TABLE users ()'\n");
    stage.backlot(&UP).output().assert_prints("");
    stage.backlot(&COUNT).output().assert_prints("0");
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn a_folder_of_sql_and_csv_in_name_order() {
    let stage = seed();
    stage.file("scenarios/it/01-tables.sql", "CREATE TABLE users (id int, email text, \"odd name\" text);\n");
    stage.file("scenarios/it/02-users.csv", "email,id,odd name\na@x,1,\"a, b\"\nb@x,2,\n");
    stage.file("scenarios/it/03-more.sql", "INSERT INTO users SELECT 3, 'c@x';\n");
    stage.backlot(&UP).output().assert_prints("");
    let rows = "SELECT id, email, \"odd name\" IS NULL FROM users ORDER BY id";
    stage
        .backlot(&["scenario", "shell", "it", "-c", rows, "--", "-At"])
        .output()
        .assert_prints("1|a@x|f\n2|b@x|t\n3|c@x|t");
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn a_csv_that_does_not_fit_names_its_line() {
    let stage = seed();
    stage.file("scenarios/it/1-tables.sql", "CREATE TABLE users (id int);\n");
    stage.file("scenarios/it/2-users.csv", "id\n1\nzwei\n");
    stage.backlot(&UP).output().assert(
        1,
        "",
        "ERROR:  invalid input syntax for type integer: \"zwei\"\nCONTEXT:  COPY users, line 3, column id: \"zwei\"\nerror: scenario it failed…\n…",
    );
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn no_file_is_an_empty_database() {
    let stage = seed();
    stage.backlot(&UP).output().assert_prints("");
    stage.backlot(&["scenario", "shell", "it", "-c", "\\dt"]).output().assert(
        0,
        "",
        "Did not find any relations.",
    );
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn two_files_for_one_name_are_an_error_that_names_both() {
    let stage = seed();
    stage.file("scenarios/it.sql", USERS_SQL).file("scenarios/it.py", "def run(): pass\n");
    let outcome = stage.backlot(&UP).output().assert_code(1);
    assert!(outcome.stderr.contains("it.sql") && outcome.stderr.contains("it.py"), "{outcome}");
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_that_fails_is_kept_and_marked() {
    let stage = seed();
    stage.file("scenarios/it.sql", "CREATE TABLE half ();\nSELECT broken;\nCREATE TABLE whole ();\n");
    stage.backlot(&["scenario", "up", "it"]).output().assert(
        1,
        "",
        "…\n  ✓ server…\npsql:[project]/scenarios/it.sql:2: ERROR:  column \"broken\" does not exist\nLINE 1: SELECT broken;\n               ^\n\
         …\nerror: scenario it failed: its file ended with exit code 3\n\
         \x20 help: look at the half-filled database: backlot scenario shell it\n\
         \x20 help: remove it: backlot scenario down it",
    );
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nit    failed…");
    stage
        .backlot(&["scenario", "shell", "it", "-c", "\\dt", "--", "-At"])
        .output()
        .assert_prints("public|half|table|postgres");
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn an_async_run_is_awaited() {
    let stage = seed();
    stage.file("scenarios/it.py", "async def run():\n    print('awaited')\n");
    stage.backlot(&UP).output().assert_prints("awaited");
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn a_failure_has_no_tick() {
    let stage = seed();
    stage.program("scenarios/it", "#!/bin/sh\nexit 7\n");
    stage.backlot(&["scenario", "up", "it"]).output().assert(
        1,
        "",
        "…\n  ✓ server…\n  ✗ scenario  scenarios/it failed with exit code 7…\nerror: …\n…",
    );
    stage.backlot(&DOWN).output().assert_prints("");
}

#[test]
fn a_file_that_cannot_be_looked_at_is_no_empty_database() {
    let stage = seed();
    stage.file("scenarios/other.sql", "");
    std::os::unix::fs::symlink("nowhere", stage.project().join("scenarios/it.sql")).unwrap();
    let outcome = stage.backlot(&UP).output().assert_code(1);
    assert!(outcome.stderr.contains("scenarios/it.sql cannot be read"), "{outcome}");
    stage.assert_nothing_left();
}

#[test]
fn a_name_without_a_file_is_told_with_those_that_have_one() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "nobody"]).output().assert(
        0,
        "Scenario nobody is ready…\n…",
        "…\n  · no file of that name in scenarios/ (there are users): the database is empty",
    );
    stage.backlot(&["scenario", "down", "nobody", "-q"]).output().assert_prints("");
}
