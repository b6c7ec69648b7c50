//! Commands that run once as a service, in a container.

use std::time::Duration;

use backlot_process::{Signal, exit_code};
use backlot_testkit::{DockerStage, wait_until};

use crate::compose;

/// Something that is up meanwhile, and what commands are run as.
const STACK: &str = "\
services:
  keep: {image: NAME-tool, command: [sleep, infinity], init: true}
  tool: {image: NAME-tool, stop_grace_period: GRACE}
";

fn stage(grace: &str) -> Option<DockerStage> {
    let stage = compose("")?;
    stage.file("compose.yaml", STACK.replace("NAME", stage.name()).replace("GRACE", grace));
    stage.image("tool", "FROM debian:bookworm\nRUN cp /bin/sh /bin/its-own-sh\n");
    Some(stage)
}

/// Runs a command as the tool, sends signals to Backlot alone once it runs, and returns the exit code.
fn told(stage: &DockerStage, engine: &[&str], command: &str, signals: &[Signal]) -> u8 {
    let others = stage.containers();
    let command = format!("echo be''gun; {command}");
    let mut run = stage.backlot(&[engine, &["run", "tool", "its-own-sh", "-c", &command]].concat()).start();
    wait_until("it runs", || {
        std::fs::read_to_string(stage.root().join("stdout")).is_ok_and(|printed| printed.contains("begun"))
    });
    assert!(stage.containers().len() > others.len(), "{engine:?}: it is no container");
    for (number, signal) in signals.iter().enumerate() {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(500));
        }
        run.signal(*signal).unwrap();
    }
    let status = run.wait(Duration::from_mins(1)).unwrap().expect("it ends");
    assert_eq!(stage.containers().len(), others.len(), "its container is left");
    exit_code(status)
}

#[test]
fn signals_are_the_containers_and_none_is_left() {
    for engine in [&["--engine", "docker"][..], &[]] {
        let Some(stage) = stage("1s") else { return };
        stage.backlot(&[engine, &["up", "-d", "-q", "keep"]].concat()).output().assert_code(0);
        // As the first process of its container it does not hear what it has not asked for.
        for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
            assert_eq!(told(&stage, engine, "exec sleep 300", &[signal]), code, "{engine:?} {signal}");
            let own = format!(
                "trap 'exit 9' {}; while :; do sleep 0.1; done",
                signal.as_str().trim_start_matches("SIG")
            );
            assert_eq!(told(&stage, engine, &own, &[signal]), 9, "{engine:?} {signal}");
        }
        stage.backlot(&["down", "-q"]).output().assert_prints("");
        stage.assert_nothing_left();
    }
}

#[test]
fn a_second_signal_waits_for_no_grace() {
    for engine in [&["--engine", "docker"][..], &[]] {
        let Some(stage) = stage("1h") else { return };
        let signals = [Signal::SIGTERM, Signal::SIGINT];
        assert_eq!(told(&stage, engine, "exec sleep 300", &signals), 143, "{engine:?}");
        stage.assert_nothing_left();
    }
}

#[test]
fn no_image_is_built_for_a_misspelt_word_and_none_without_a_word() {
    let Some(stage) = compose("services: {web: {build: ., init: true}}") else { return };
    stage.file("Dockerfile", "FROM debian:bookworm\nRUN cp /bin/sh /bin/its-own-sh\nCMD [\"its-own-sh\"]\n");
    let image = format!("{}_development-web", stage.name());
    let is_there = || stage.docker(&["image", "inspect", &image]).code == 0;
    stage.backlot(&["run", "web", "slepe", "1"]).output().assert(
        127,
        "",
        "error: no program slepe is here, and the image of web is not, either\n  help: did you mean sleep? If its image has slepe, have that built: backlot -p [name] run --build web slepe …",
    );
    assert!(!is_there(), "it was built");
    let run = stage.backlot(&["run", "web", "its-own-sh", "-c", "exit 5"]).output().assert_code(5);
    let said = "its-own-sh is no program here: web is run as a container; its image is built first";
    assert!(run.stderr.find(said) < run.stderr.find("Step 1") && run.stderr.contains(said), "{run}");
    assert!(is_there());
    // Once it is there, it tells itself what it has.
    let run = stage.backlot(&["run", "web", "slepe", "1"]).output().assert_code(127);
    assert!(!run.stderr.contains("built first"), "{run}");
    stage.assert_nothing_left();
}
