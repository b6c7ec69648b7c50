//! Options that hands know from `docker compose` do on Docker what they do there.

use backlot_testkit::DockerStage;
use serde_json::Value;

use crate::compose;

/// Services that do not end when they are asked to, and have all the time in the world for it; and a job.
const COMPOSE: &str = "\
services:
  web: &stubborn
    image: redis:7
    entrypoint: [sh, -c, \"trap '' TERM; echo ready; while :; do sleep 0.1; done\"]
    stop_grace_period: 60m
    tmpfs: [/data]
  other: *stubborn
  job: {image: 'redis:7', entrypoint: [sh, -c, exit 3], profiles: [job]}
";

/// The containers of services that run.
fn containers(stage: &DockerStage, service: &str) -> String {
    let label = format!("label=com.docker.compose.service={service}");
    let name = format!("name={}", stage.name());
    stage
        .docker(&["ps", "--quiet", "--no-trunc", "--filter", &label, "--filter", &name])
        .assert_code(0)
        .stdout
}

#[test]
fn a_service_is_started_without_what_it_depends_on() {
    let Some(stage) = compose(
        "services:\n  other: {image: 'redis:7', tmpfs: [/data]}\n  web: {image: 'redis:7', tmpfs: [/data], depends_on: [other]}\n",
    ) else {
        return;
    };
    let run = |words: &[&str]| stage.on_docker(words).output();
    run(&["up", "-d", "--wait", "-q", "--no-deps", "web"]).assert_code(0);
    assert_eq!(containers(&stage, "other"), "");
    let web = containers(&stage, "web");
    assert!(!web.is_empty());
    run(&["up", "-d", "--wait", "-q", "other"]).assert_code(0);
    assert_eq!(containers(&stage, "web"), web);
    run(&["down", "-t", "0", "-q"]).assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn what_is_asked_for_is_done_by_containers_too() {
    let Some(stage) = compose(COMPOSE) else { return };
    let run = |words: &[&str]| stage.on_docker(words).output();
    run(&["up", "-d", "--wait", "-q"]).assert_code(0);
    let (web, other) = (containers(&stage, "web"), containers(&stage, "other"));
    run(&["up", "-d", "--wait", "-q", "--force-recreate", "-t", "0", "web"]).assert_code(0);
    assert_ne!(containers(&stage, "web"), web);
    assert_eq!(containers(&stage, "other"), other);
    let since: Value = serde_json::from_str(&run(&["ps", "--format=json", "web"]).stdout).unwrap();
    run(&["restart", "--timeout", "1", "-q", "web"]).assert_code(0);
    let after: Value = serde_json::from_str(&run(&["ps", "--format=json", "web"]).stdout).unwrap();
    assert_ne!(since[0]["replicas"][0]["pid"], after[0]["replicas"][0]["pid"]);
    run(&["exec", "-e", "A=one two", "web", "sh", "-c", "echo $A"]).assert_prints("one two");
    let words = ["run", "-q", "-e", "A=x", "--entrypoint", "sh -c", "web", "echo $A"];
    let once = run(&words).assert_code(0).stdout;
    assert!(once.lines().any(|line| line.trim() == "x"), "{once}");
    stage.file("compose.yaml", COMPOSE.replace("  other:", "  another:"));
    run(&["up", "-d", "-q", "web"]).assert_code(0);
    assert_eq!(containers(&stage, "other"), other);
    run(&["up", "-d", "-q", "--remove-orphans", "-t", "0", "web"]).assert_code(0);
    assert_eq!(containers(&stage, "other"), "");
    run(&["stop", "-t", "0", "-q"]).assert_code(0);
    assert_eq!(containers(&stage, "web"), "");
    let words = ["up", "-q", "-t", "0", "--exit-code-from", "job", "--profile", "job"];
    run(&words).assert_code(3);
    assert_eq!(containers(&stage, "web"), "");
    run(&["down", "-t", "0", "-q"]).assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn an_image_that_is_not_here_is_not_built_where_that_is_said() {
    let Some(stage) = compose("services:\n  web: {build: .}\n") else { return };
    stage.file("Dockerfile", "FROM example/own:1\nRUN install-it\nCMD [\"own-program\"]\n");
    // By Compose, and as a container beside processes.
    stage.on_docker(&["up", "-d", "--no-build"]).output().assert_code(1);
    stage.on_docker(&["down", "-q"]).output().assert_code(0);
    let said = stage.backlot(&["up", "-d", "--no-build"]).output().assert_code(1).stderr;
    assert!(said.contains("nothing is to be built (--no-build)"), "{said}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
