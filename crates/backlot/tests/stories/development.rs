//! Durable clusters, and the commands of the chosen environment.

use std::net::TcpListener;

use crate::{BACKLOT, seed};

#[test]
fn data_survives_down_restart_and_a_kill_of_everything() {
    let stage = seed();
    stage.backlot(&["create-initial-db"]).output().assert(
        0,
        "",
        "  ✓ cluster   PostgreSQL …, volume pgdata, cloned…\n  ✓ server    db on 127.0.0.1:…\ndatabase application created",
    );
    stage.backlot(&["create-initial-db"]).output().assert(
        0,
        "",
        "database application already exists, nothing to do",
    );
    let insert = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1), (2)";
    stage.backlot(&["db", "shell", "-c", insert, "--", "-q"]).output().assert_prints("");
    let count = ["-q", "db", "shell", "-c", "SELECT count(*) FROM kept", "--", "-At"];

    stage.backlot(&["down"]).output().assert(0, "", "  ✓ stopped…\n  ✓ removed…");
    stage.backlot(&["down"]).output().assert(0, "", "development is not up: nothing to stop");
    stage.backlot(&count).output().assert_prints("2");

    stage.kill_everything();
    stage.backlot(&count).output().assert_prints("2");

    stage.backlot(&["down", "--volumes"]).output().assert(
        2,
        "",
        "error: durable data would be destroyed, and nobody can be asked\n  help: say --yes to do it",
    );
    stage.backlot(&count).output().assert_prints("2");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn dropping_a_durable_database_asks() {
    let stage = seed();
    stage.backlot(&["db", "create", "-q"]).output().assert_prints("");
    stage.backlot(&["db", "drop"]).output().assert(2, "", "error: durable data would be destroyed…\n…");
    stage.backlot(&["db", "drop", "--yes"]).output().assert(0, "", "database application dropped");
    stage.backlot(&["db", "drop", "--yes"]).output().assert(
        0,
        "",
        "database application does not exist, nothing to do",
    );
    stage.backlot(&["db", "create"]).output().assert(0, "", "database application created");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn run_has_the_chosen_environment_and_its_database() {
    let stage = seed();
    stage.backlot(&["db", "create", "-q"]).output().assert_prints("");
    let script = "echo $APPLICATION_CONFIG $FLASK_CONFIG; psql -Atc 'SELECT current_database()'; exit 5";
    stage.backlot(&["-q", "run", "--", "sh", "-c", script]).output().assert(
        5,
        "development development\napplication",
        "",
    );
    let testing =
        stage.backlot(&["-q", "run", "--", "sh", "-c", script]).env("APPLICATION_CONFIG", "testing");
    testing.output().assert(5, "testing testing\napplication", "");
    let url = stage.backlot(&["db", "url"]).output().assert_code(0).stdout;
    stage.run("psql", &[url.trim(), "-Atc", "SELECT 1"]).output().assert_prints("1");
    stage.backlot(&["-e", "testing", "down", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn flask_is_run_flask() {
    let stage = seed();
    stage.program("bin/flask", "#!/bin/sh\necho flask \"$@\" on $POSTGRES_HOSTNAME\nexit 4\n");
    let path = format!("{}:{}", stage.project().join("bin").display(), std::env::var("PATH").unwrap());
    let stage = stage.with("PATH", path);
    let flask = stage.backlot(&["-q", "flask", "db", "upgrade", "--sql", "--help"]);
    flask.output().assert(4, "flask db upgrade --sql --help on 127.0.0.1", "");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn a_published_port_that_is_taken_is_an_error_that_names_the_holder() {
    let stage = seed();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let up = stage.backlot(&["-e", "production", "db", "create", "-q"]).env("POSTGRES_PORT", &port);
    let outcome = up.output().assert_code(1);
    assert!(outcome.stderr.contains(&format!("port {port}")), "{outcome}");
    assert!(outcome.stderr.contains(&std::process::id().to_string()), "{outcome}");
    assert!(outcome.stderr.contains("POSTGRES_PORT="), "{outcome}");
    drop(listener);
    let up = stage.backlot(&["-e", "production", "db", "url", "-q"]).env("POSTGRES_PORT", &port);
    up.output().assert_prints(&format!("postgresql://postgres:s3cret-word@127.0.0.1:{port}/application"));
    stage.backlot(&["-e", "production", "down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn ctrl_c_at_a_question_ends_it_and_nothing_is_destroyed() {
    let stage = seed();
    stage.backlot(&["create-initial-db", "-q"]).output().assert_prints("");
    // `script` gives it a terminal, on which that byte is Ctrl-C, once the question is there.
    let press = r#"until grep -qs y/N "$HOME/seen"; do sleep 0.05; done; printf '\003'; sleep 1"#;
    let ask = r#"script -qefc "$0 down --volumes" "$HOME/seen""#;
    let asked = stage.run("sh", &["-c", &format!("({press}) | {ask}"), BACKLOT]).output().assert_code(130);
    assert!(asked.stdout.contains("[y/N]"), "{asked}");
    stage.backlot(&["-q", "db", "shell", "-c", "SELECT 1", "--", "-At"]).output().assert_prints("1");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
