//! What goes wrong: the cause within seconds, the last lines, the way out, and nothing left of the attempt.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use backlot_testkit::DockerStage;

use crate::compose;

/// No error may keep a person waiting longer, on a machine that has much else to do.
const SECONDS: Duration = Duration::from_secs(30);

const POSTGRES: &str = "  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n";

/// Runs `arguments`, which have to fail soon. All of `parts` have to be told.
#[track_caller]
fn fails(stage: &DockerStage, arguments: &[&str], parts: &[&str]) {
    let start = Instant::now();
    let failed = stage.on_docker(arguments).output().assert_code(1);
    assert!(start.elapsed() < SECONDS, "it took {:?}\n{failed}", start.elapsed());
    assert_eq!(failed.stdout, "", "{failed}");
    for part in parts {
        assert!(failed.stderr.contains(part), "no {part:?} in\n{failed}");
    }
}

/// A project of these services, whose `up` has to fail and to leave nothing.
#[track_caller]
fn cannot_go_up(services: &str, parts: &[&str]) {
    let Some(stage) = compose(&format!("services:\n{services}")) else { return };
    fails(&stage, &["up", "-d", "-q"], parts);
    stage.assert_nothing_left();
}

#[test]
fn a_database_that_dies_at_start() {
    let db = "  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n    command: [postgres, -c, no_such_setting=1]\n";
    let told = &["error: db ended with exit code 1\n", "help: its last lines were\n", "\"no_such_setting\""];
    let Some(stage) = compose(&format!("services:\n{db}")) else { return };
    fails(&stage, &["up", "-d", "-q", "--wait"], told);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    fails(&stage, &["scenario", "up", "it", "-q"], told);
    stage.assert_nothing_left();
    fails(&stage, &["test", "-q", "--", "true"], told);
    stage.assert_nothing_left();
}

#[test]
fn a_service_that_dies_at_start() {
    let dies =
        "    image: debian:bookworm\n    command: [sh, -c, 'echo going; echo no such table >&2; exit 7']\n";
    let Some(stage) = compose(&format!("services:\n  web:\n{dies}")) else { return };
    let told = &["error: web ended with exit code 7\n", "going", "no such table"];
    fails(&stage, &["up", "-d", "-q", "--wait"], told);
    // It is there to be looked at, as natively.
    let logs = stage.backlot(&["logs"]).output().assert_code(0).stdout;
    assert!(logs.contains("web-1    | going") && logs.contains("web-1    | no such table"), "{logs}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    // Again and again.
    stage.file("compose.yaml", format!("services:\n  web:\n    restart: always\n{dies}"));
    fails(&stage, &["up", "-d", "-q", "--wait"], &["error: web ", "no such table"]);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    // Compose itself waits for one that others depend on, without end.
    let check = "    restart: always\n    healthcheck: {test: 'true', interval: 60s}\n";
    let other = "  other:\n    image: debian:bookworm\n    depends_on: {web: {condition: service_healthy}}\n";
    stage.file("compose.yaml", format!("services:\n  web:\n{dies}{check}{other}"));
    fails(&stage, &["up", "-d", "-q"], &["error: web ", "no such table"]);
    stage.assert_nothing_left();
}

#[test]
fn a_program_that_is_not_in_the_image() {
    cannot_go_up(
        "  web: {image: 'debian:bookworm', command: [no-such-program]}\n",
        &["error: ", "no-such-program"],
    );
}

#[test]
fn an_image_that_cannot_be_built_or_had() {
    let Some(stage) = compose(&format!("services:\n{POSTGRES}  web: {{build: .}}\n")) else { return };
    stage.file("Dockerfile", "FROM debian:bookworm\nRUN echo 'no compiler' >&2; exit 3\n");
    let told = &["error: the image of web cannot be built\n", "no compiler", "help: mend the Dockerfile"];
    fails(&stage, &["up", "-d", "-q"], told);
    stage.assert_nothing_left();
    fails(&stage, &["scenario", "up", "it", "-q"], told);
    stage.assert_nothing_left();
    // Nobody listens there.
    cannot_go_up(
        &format!("{POSTGRES}  web: {{image: 'localhost:1/nothing:1'}}\n"),
        &[
            "error: the image localhost:1/nothing:1 of web cannot be had\n",
            "connection refused",
            "docker pull localhost:1/",
        ],
    );
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let publishes = |port: u16| {
        format!(
            "  web:\n    image: python:3\n    command: [python, -m, http.server]\n    ports: ['{port}:8000']\n"
        )
    };
    cannot_go_up(
        &publishes(port),
        &[
            &format!("error: port {port} is already in use by process {} (", std::process::id()),
            "help: stop what uses it, or publish another port",
        ],
    );
    drop(taken);
    let Some(holder) = compose(&format!("services:\n{}", publishes(port))) else { return };
    holder.on_docker(&["up", "-d", "-q"]).output().assert_prints("");
    let name = format!("{}_development-web-1", holder.name());
    cannot_go_up(&publishes(port), &[&format!("error: port {port} is already in use by container {name}\n")]);
    holder.docker(&["kill", &name]).assert_code(0);
    holder.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_name_that_is_taken() {
    let sleeps = "services:\n  web: {image: 'debian:bookworm', init: true, command: [sleep, '600']}\n";
    let Some(stage) = compose(sleeps) else { return };
    let other = stage.root().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("compose.yaml"), sleeps).unwrap();
    stage.on_docker(&["up", "-d", "-q"]).within(&other).output().assert_prints("");
    let owner = " belongs to [stage]/other\n";
    for arguments in [&["up", "-d"][..], &["ps"], &["down"], &["scale", "web=2"]] {
        fails(&stage, arguments, &["error: the Compose project ", owner, "help: take that one down"]);
    }
    assert_eq!(stage.containers().len(), 1, "what is there is left alone");
    stage.on_docker(&["down", "-q"]).within(&other).output().assert_prints("");
}

#[test]
fn a_service_that_is_not_well() {
    let check = "{test: 'echo no luck; exit 1', interval: 1s, retries: 1}";
    let web = format!(
        "  web:\n    image: debian:bookworm\n    init: true\n    command: [sh, -c, 'echo here I am; sleep 600']\n    healthcheck: {check}\n"
    );
    let Some(stage) = compose(&format!("services:\n{web}")) else { return };
    let told = &["error: web is not healthy: its health check says: no luck\n", "here I am"];
    fails(&stage, &["up", "-d", "-q", "--wait"], told);
    assert_eq!(crate::replicas(&crate::ps(&stage, "development"), "web")[0]["health"], "unhealthy");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let other = "  other:\n    image: debian:bookworm\n    depends_on: {web: {condition: service_healthy}}\n";
    cannot_go_up(&format!("{web}{other}"), &["error: web is not healthy", "no luck", "here I am"]);
}

#[test]
fn services_and_environments_that_are_not_there() {
    let sleeps = "services:\n  web: {image: 'debian:bookworm', init: true, command: [sleep, '600']}\n";
    let Some(stage) = compose(sleeps) else { return };
    fails(&stage, &["logs"], &["error: development is not up\n  help: start it: backlot "]);
    for arguments in [&["restart"][..], &["wait"], &["exec", "web", "true"], &["scale", "web=2"]] {
        let told = &["error: the services of development are not up\n  help: start them: backlot "];
        fails(&stage, arguments, told);
    }
    fails(
        &stage,
        &["up", "-d", "wbe"],
        &["error: there is no service wbe (did you mean web? there are web)\n"],
    );
    stage.on_docker(&["up", "-d", "-q", "--wait"]).output().assert_prints("");
    for arguments in
        [&["logs", "wbe"][..], &["restart", "wbe"], &["scale", "wbe=2"], &["exec", "wbe", "true"]]
    {
        fails(&stage, arguments, &["error: no service wbe of development is up\n  help: there are web"]);
    }
    fails(&stage, &["top", "wbe"], &["error: there is no service wbe (did you mean web? there are web)\n"]);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_daemon_that_does_not_answer() {
    let Some(mut stage) = compose(&format!("services:\n{POSTGRES}")) else { return };
    stage.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    for arguments in [&["up", "-d"][..], &["scenario", "up", "it"], &["test", "--", "true"]] {
        fails(
            &stage,
            arguments,
            &["error: no Docker daemon answers: ", "unix:///nowhere/docker.sock", "help: start it"],
        );
        stage.assert_nothing_left();
    }
}
