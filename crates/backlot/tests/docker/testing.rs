//! `backlot test` and the verbs about development's database, on Docker.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::{DockerStage, Stage};

use crate::{BACKLOT, Flask, wait_until};

#[test]
fn the_runners_exit_code_is_ours_and_nothing_is_left() {
    let Some(stage) = DockerStage::new(|| Stage::seed(BACKLOT)) else { return };
    stage.under_git();
    let script = "psql -Atc 'SELECT 1'; echo $APPLICATION_CONFIG $POSTGRES_HOSTNAME; exit 9";
    stage.on_docker(&["test", "-q", "--", "sh", "-c", script]).output().assert(9, "1\ntesting 127.0.0.1", "");
    stage.assert_nothing_left();
    stage.on_docker(&["test", "--keep", "--", "psql", "-qc", "CREATE TABLE kept ()"]).output().assert(
        0,
        "",
        "…\nthe database is kept on port …: backlot -p [name] -e testing db shell\nremove it: backlot -p [name] -e testing down",
    );
    let look = ["-e", "testing", "db", "shell", "-c", "\\dt", "--", "-At"];
    stage.backlot(&look).output().assert_prints("public|kept|table|postgres");
    stage.backlot(&["-e", "testing", "down", "-q"]).output().assert_prints("");
    stage.assert_clean_tree();
}

#[test]
fn however_a_run_ends_nothing_is_left() {
    let Some(stage) = DockerStage::new(|| Stage::seed(BACKLOT)) else { return };
    let script = "setsid sleep 600 & echo started > \"$HOME/started\"; exec sleep 600";
    let started = stage.root().join("user/started");
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGKILL, 137)] {
        let mut run = stage.on_docker(&["test", "-q", "--", "sh", "-c", script]).start();
        wait_until("the runner runs", || started.exists());
        run.signal(signal).unwrap();
        let status = run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        assert_eq!(backlot_process::exit_code(status), code);
        stage.assert_nothing_left();
        std::fs::remove_file(&started).unwrap();
    }
}

#[test]
fn killed_while_containers_are_started_nothing_is_left() {
    let Some(stage) = DockerStage::new(|| Stage::seed(BACKLOT)) else { return };
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let mut run = stage.on_docker(&["test", "-q", "--", "true"]).start();
        wait_until("a container is made", || !stage.containers().is_empty());
        run.signal(signal).unwrap();
        run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        stage.assert_nothing_left();
    }
}

#[test]
fn developments_database() {
    let Some(Flask { stage, .. }) = Flask::new() else { return };
    stage.on_docker(&["create-initial-db"]).output().assert(
        0,
        "",
        "…\n…✓ started   db on 127.0.0.1:…\ndatabase application created",
    );
    stage.backlot(&["create-initial-db"]).output().assert(0, "", "…application…");
    stage.backlot(&["flask", "db", "upgrade"]).output().assert_code(0);
    let url = stage.backlot(&["db", "url"]).output().assert_code(0).stdout;
    stage.run("psql", &[url.trim(), "-Atc", "SELECT count(*) FROM users"]).output().assert_prints("0");
    stage.backlot(&["run", "--", "sh", "-c", "echo $POSTGRES_HOSTNAME; exit 4"]).output().assert(
        4,
        "127.0.0.1",
        "",
    );
    // It is the database alone that was started.
    stage.backlot(&["ps"]).output().assert_prints("SERVICE…\ndb …running  healthy…");
    stage.backlot(&["ps", "-q"]).output().assert_prints("db-1");
    stage.backlot(&["--engine", "native", "create-initial-db"]).output().assert(
        1,
        "",
        "error: development runs on the docker engine\n  help: leave --engine out, or take it down first: …",
    );
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}
