//! Where a service listens, and when: that it says a port does not mean that it ever listens there.

use std::time::{Duration, Instant};

use backlot_testkit::{Stage, free_port, get, wait_until};

use crate::{BACKLOT, has_views};

const UP: [&str; 4] = ["up", "-d", "--wait", "-q"];

#[test]
fn what_only_exposes_a_port_is_well_when_it_runs_and_may_end_well() {
    let stage = Stage::empty(BACKLOT);
    stage.file("Dockerfile", "FROM python:3\nEXPOSE 8000\n");
    let compose = "\
services:
  worker: {build: ., command: sleep 1000}
  job: {build: ., command: 'true'}
  after: {build: ., command: sleep 1000, depends_on: {worker: {condition: service_healthy}}}
";
    stage.file("compose.yaml", compose);
    let begun = Instant::now();
    stage.backlot(&UP).output().assert(0, "", "");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn nobody_at_a_published_port_is_told_once_with_where_it_listens() {
    let stage = Stage::empty(BACKLOT);
    let (port, other) = (free_port(), free_port());
    let compose = format!(
        "services:\n  web:\n    image: python\n    command: python3 -m http.server --bind 127.0.0.1 {other}\n    ports: ['{port}:8000']\n    deploy: {{replicas: 1}}\n"
    );
    stage.file("compose.yaml", compose);
    let up = stage.backlot(&UP).output().assert_code(0);
    let said = format!("nobody answers at its published port {port} yet");
    assert_eq!(up.stderr.matches(&said).count(), 1, "{up}");
    if cfg!(target_os = "linux") {
        let where_to = if has_views() {
            format!("listens on {other} instead of 8000")
        } else {
            format!("listens on 127.0.0.1:{other} instead of 127.0.0.1:")
        };
        assert!(up.stderr.contains(&where_to), "{up}");
    }
    let logs = stage.backlot(&["logs", "web"]).output().assert_code(0).stdout;
    assert_eq!(logs.matches(&said).count(), 1, "{logs}");
    // Requests there wait, and then are told; none hangs.
    let begun = Instant::now();
    assert_eq!(get(port, "/").unwrap().0, 503);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn what_is_published_and_works_for_long_before_it_listens_is_waited_for() {
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    let work = "import time; end = time.time() + 12\n      while time.time() < end: pass";
    let compose = format!(
        "services:\n  web:\n    image: python\n    ports: ['{port}:8000']\n    command:\n    - sh\n    - -c\n    - |\n      python3 -c '{work}'\n      exec python3 -m http.server --bind 127.0.0.1 $$PORT\n"
    );
    stage.file("compose.yaml", compose);
    stage.backlot(&UP).output().assert(0, "", "");
    assert_eq!(get(port, "/").unwrap().0, 200);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn one_that_is_well_before_it_listens_gets_its_requests_when_it_does() {
    let stage = Stage::empty(BACKLOT);
    let port = free_port();
    let compose = format!(
        "services:\n  web:\n    image: python\n    command: sh -c 'sleep 2; exec python3 -m http.server --bind 127.0.0.1 $$PORT'\n    ports: ['{port}:8000']\n    healthcheck: {{test: ['CMD', 'true'], interval: 1s}}\n"
    );
    stage.file("compose.yaml", compose);
    let begun = Instant::now();
    stage.backlot(&UP).output().assert(0, "", "");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "its check says that it is well: {:?}",
        begun.elapsed()
    );
    assert_eq!(get(port, "/").unwrap().0, 200);
    // What takes its place gets no requests before it listens.
    let asked = std::thread::spawn(move || {
        let begun = Instant::now();
        let mut answers = Vec::new();
        while begun.elapsed() < Duration::from_secs(6) {
            let asked = Instant::now();
            answers.push((get(port, "/").map(|(code, _)| code), asked.elapsed()));
        }
        answers
    });
    stage.backlot(&["restart", "--rolling", "web", "-q"]).output().assert(0, "", "…");
    let answers = asked.join().unwrap();
    let bad: Vec<_> =
        answers.iter().filter(|(code, took)| *code != Ok(200) || *took > Duration::from_secs(1)).collect();
    assert!(bad.is_empty() && answers.len() > 10, "{bad:?} of {}", answers.len());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn one_that_listens_late_where_its_container_has_it_is_found() {
    let stage = Stage::empty(BACKLOT);
    let (port, target) = (free_port(), free_port());
    let compose = format!(
        "services:\n  web:\n    image: python\n    command: sh -c 'while ! test -e go; do sleep 0.1; done; exec python3 -m http.server --bind localhost {target}'\n    expose: ['9999']\n    ports: ['{port}:{target}']\n    healthcheck: {{test: ['CMD', 'true'], interval: 1s}}\n"
    );
    stage.file("compose.yaml", compose);
    stage.backlot(&UP).output().assert(0, "", "");
    stage.file("go", "");
    if cfg!(target_os = "linux") {
        wait_until("it is found", || get(port, "/").is_ok_and(|(code, _)| code == 200));
    }
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
