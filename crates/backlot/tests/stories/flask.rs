//! The Flask example, in the seed layout, as it is.

use backlot_testkit::Stage;

use crate::BACKLOT;

#[test]
fn its_scenarios() {
    scenarios(&Stage::example(BACKLOT, "flask"));
}

/// Those that are about some rows.
pub(crate) fn scenarios(stage: &Stage) {
    stage.under_git();
    stage.backlot(&["scenario", "up", "foo", "-q"]).output().assert_prints("HEY! This is scenario foo");
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "shell", "users", "-c", "SELECT * FROM users"]).output().assert_prints(
        " id |      email\n----+------------------\n  1 | admin@server.com\n  2 | user1@server.com\n  3 | user2@server.com\n(3 rows)",
    );
    let script = "from wsgi import app; print(app.test_client().get('/users').text)";
    stage
        .backlot(&["scenario", "run", "users", "--", "python", "-c", script])
        .output()
        .assert_prints("Number of users: 3");
    stage.backlot(&["scenario", "run", "users", "--", "flask", "routes"]).output().assert_code(0);
    stage.assert_clean_tree();
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
}

#[test]
fn a_million_users() {
    let stage = Stage::example(BACKLOT, "flask");
    stage.backlot(&["scenario", "up", "million", "-q"]).output().assert_code(0);
    let count = ["scenario", "shell", "million", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("1000000");
    stage.backlot(&["scenario", "down", "million", "-q"]).output().assert_prints("");
}

#[test]
fn its_tests_with_coverage() {
    tests(&Stage::example(BACKLOT, "flask"));
}

/// Its tests, and that nothing is left of them in the source tree.
pub(crate) fn tests(stage: &Stage) {
    // Even if the project does not tell git to ignore what Python writes.
    std::fs::write(stage.project().join(".gitignore"), ".venv\n").unwrap();
    stage.under_git();
    let outcome = stage.backlot(&["test"]).output().assert_code(0);
    assert!(outcome.stdout.contains(" passed in "), "{outcome}");
    assert!(outcome.stdout.contains("application/models.py"), "{outcome}");
    stage.assert_clean_tree();
    let one = stage.backlot(&["test", "-q", "-k", "no_such_test"]).output();
    assert_eq!(one.code, 5, "pytest's code for no tests\n{one}");
}

#[test]
fn its_migrations_in_development() {
    let stage = Stage::example(BACKLOT, "flask");
    // The example wants port 5432, which may be taken on this machine.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stage = stage.with("POSTGRES_PORT", free.to_string());
    stage.backlot(&["create-initial-db", "-q"]).output().assert_prints("");
    stage.backlot(&["flask", "db", "upgrade"]).output().assert_code(0);
    let table = ["db", "shell", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&table).output().assert_prints("0");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
