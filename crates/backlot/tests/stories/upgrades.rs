//! Another version of Backlot than the one that runs an environment: it talks to that, or says what to do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use backlot_testkit::Stage;

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: pw}}
  web: {image: web, command: sh -c 'echo begun; sleep 1000', depends_on: [db]}
";
const FOREIGN: &str = "error: the services of development are run by another version of Backlot, with which this one cannot talk";
const WAY_OUT: &str = "end it, which keeps all data, and start it anew: backlot -e development stop, then backlot -e development start";

fn stage() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "");
    stage
}

/// The folder with the control socket of the only environment.
fn control(stage: &Stage) -> PathBuf {
    let mut folders = fs::read_dir(stage.home().join("run")).unwrap().map(|entry| entry.unwrap().path());
    folders.find(|folder| folder.join("protocol").exists()).unwrap()
}

fn socket(stage: &Stage) -> PathBuf {
    let mut paths = fs::read_dir(control(stage)).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| !path.ends_with("protocol")).unwrap()
}

/// As if a version had started it whose protocol is another one.
fn speak(stage: &Stage, protocol: &str) {
    fs::write(control(stage).join("protocol"), protocol).unwrap();
}

fn rows(stage: &Stage) -> String {
    let select = stage.backlot(&["db", "shell", "-c", "SELECT count(*) FROM kept", "--", "-At"]);
    select.output().assert_code(0).stdout.trim().to_owned()
}

fn assert_is_refused(stage: &Stage, arguments: &[&str]) {
    let begun = Instant::now();
    let outcome = stage.backlot(arguments).output().assert_code(1);
    assert!(outcome.stderr.contains(FOREIGN) && outcome.stderr.contains(WAY_OUT), "{outcome}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[test]
fn what_another_protocol_runs_is_told_and_ended() {
    let stage = stage();
    stage.backlot(&["db", "shell", "-c", "CREATE TABLE kept AS SELECT 1"]).output().assert_code(0);
    for protocol in ["2", "", "two"] {
        speak(&stage, protocol);
        assert_is_refused(&stage, &["ps"]);
    }
    for arguments in [
        &["restart"][..],
        &["up", "-d"],
        &["up", "--dry-run"],
        &["scale", "web=2"],
        &["wait"],
        &["endpoints"],
        &["exec", "web", "true"],
    ] {
        assert_is_refused(&stage, arguments);
    }
    // What needs no supervisor goes on.
    assert!(stage.backlot(&["logs", "web"]).output().assert_code(0).stdout.contains("begun"));
    assert!(stage.backlot(&["ls"]).output().assert_code(0).stdout.contains("development"));
    assert_eq!(rows(&stage), "1");

    stage.backlot(&["stop", "-q"]).output().assert(0, "", "");
    stage.backlot(&["start", "-q"]).output().assert(0, "", "");
    stage.backlot(&["wait", "-q"]).output().assert(0, "", "");
    assert_eq!(rows(&stage), "1", "stop keeps all data");
    stage.backlot(&["ps", "-q"]).output().assert(0, "db-1\nweb-1", "");

    speak(&stage, "2");
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn a_scenario_of_another_version_is_ended_and_started_with_its_data() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", COMPOSE).file("scenarios/users.sql", crate::USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "--wait", "-q"]).output().assert(0, "", "");
    let insert = "INSERT INTO users (email) VALUES ('kept@example.com')";
    stage.backlot(&["scenario", "shell", "users", "-c", insert]).output().assert_code(0);
    speak(&stage, "2");
    let refused = stage.backlot(&["scenario", "up", "users"]).output().assert_code(1);
    let way_out = ": backlot -e scenario_users stop, then backlot -e scenario_users start";
    assert!(refused.stderr.contains(way_out), "{refused}");
    stage.backlot(&["-e", "scenario_users", "stop", "-q"]).output().assert(0, "", "");
    stage.backlot(&["-e", "scenario_users", "start", "-q"]).output().assert(0, "", "");
    let select = "SELECT count(*) FROM users WHERE email = 'kept@example.com'";
    stage.backlot(&["scenario", "shell", "users", "-c", select, "--", "-At"]).output().assert(0, "1", "");
    speak(&stage, "2");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

/// The protocol is said to be the same, but it is not.
#[test]
fn an_answer_that_is_not_understood_is_another_versions() {
    let stage = stage();
    let socket = socket(&stage);
    fs::rename(&socket, socket.with_extension("real")).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = BufReader::new(&stream).read_line(&mut String::new());
            let _ = stream.write_all(b"{\"Done\":{\"Elsewhere\":1}}\n");
        }
    });
    for arguments in [&["ps"][..], &["restart"], &["wait"]] {
        assert_is_refused(&stage, arguments);
    }
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

/// What a newer client may ask.
#[test]
fn a_request_that_is_not_known_is_answered() {
    let stage = stage();
    let mut stream = UnixStream::connect(socket(&stage)).unwrap();
    stream.write_all(b"{\"Elsewhere\":1}\n").unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert!(
        answer.starts_with("{\"Failed\":") && answer.contains("does not know what it is asked for"),
        "{answer}"
    );
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}
