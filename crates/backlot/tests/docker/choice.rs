//! Which engine runs what, when nobody says.

use backlot_testkit::{DockerStage, Outcome};

use crate::compose;

/// A database, and a service of which only its image knows what it runs.
const STACK: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: x}
  mail:
    image: NAME-mail
    init: true
    ports: [\"8025\"]
";

#[test]
fn what_is_only_an_image_runs_beside_the_rest_unless_an_engine_is_named() {
    let Some(stage) = compose("") else { return };
    stage.file("compose.yaml", STACK.replace("NAME", stage.name()));
    stage.image("mail", "FROM python:3\nCMD [\"python\", \"-m\", \"http.server\", \"8025\"]\n");

    // Natively there are no containers: nobody needs it, so it is left out, and that is said.
    let native = stage.backlot(&["--engine", "native", "up", "-d"]).output().assert_code(0);
    let told = "it is left out; …; as a container it does not run either: --engine native has no containers";
    assert!(told.split('…').all(|part| native.stderr.contains(part)), "{native}");
    stage.backlot(&["--engine", "native", "up", "-d", "mail"]).output().assert_code(1);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();

    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(!up.stderr.contains("on Docker"), "{up}");
    assert!(
        up.stdout.contains("  mail: http://127.0.0.1:") && up.stdout.contains("  (a container of docker)"),
        "{up}"
    );
    stage
        .backlot(&["ps"])
        .output()
        .assert_prints("SERVICE…ENGINE…\ndb  …running  healthy  native…\nmail …running  healthy  docker…");
    stage.backlot(&["exec", "mail", "sh", "-c", "exit 5"]).output().assert(5, "", "");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();

    // A scenario is the whole stack, too.
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_code(0);
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nit …running  native …mail:…");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn where_the_database_cannot_run_natively_all_of_it_runs_on_docker() {
    let Some(stage) = compose("") else { return };
    let stack = STACK.replace("NAME", stage.name()).replace("image: postgres\n", "build: .\n");
    stage.file("compose.yaml", stack);
    stage.image("mail", "FROM python:3\nCMD [\"python\", \"-m\", \"http.server\", \"8025\"]\n");
    stage.file("Dockerfile", "FROM postgres:15\nRUN true\nRUN rm -rf /usr/lib/postgresql/15/share/nothing\n");
    stage.file("compose.override.yaml", "services: {db: {x-backlot: {bin: /nowhere}}}");
    let told = |outcome: &Outcome| outcome.stderr.contains("  · on Docker: ");
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(told(&up), "{up}");
    // It is found without being told, and no other engine touches it.
    stage
        .backlot(&["ps"])
        .output()
        .assert_prints("SERVICE…\ndb  …running  healthy  docker…\nmail …running  healthy  docker…");
    for verb in [&["up", "-d"][..], &["ps"], &["down"], &["db", "url"]] {
        stage.backlot(&[&["--engine", "native"], verb].concat()).output().assert(
            1,
            "",
            "error: development runs on the docker engine\n  help: leave --engine out, or take it down first: backlot -p [name] -e development down (it runs on docker)",
        );
    }
    let again = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(!told(&again), "{again}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_database_whose_extension_this_machine_has_not_runs_on_docker() {
    let Some(stage) =
        compose("services:\n  db: {image: 'postgis/postgis:15-3.4', environment: {POSTGRES_PASSWORD: x}}\n")
    else {
        return;
    };
    let reason = "on Docker: service db needs the extension postgis, which is not installed";
    stage.backlot(&["--dry-run", "up"]).output().assert(
        0,
        "start the containers of db",
        &format!("  · {reason}…"),
    );
    let native = stage.backlot(&["--engine", "native", "up", "-d"]).output().assert_code(1);
    assert!(native.stderr.contains("--engine docker"), "{native}");
    stage.assert_nothing_left();
}

#[test]
fn what_the_project_builds_is_up_or_an_error() {
    let stack = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  web: {build: ., depends_on: [db]}
  tool: {image: 'localhost:1/nothing:1'}
";
    let Some(stage) = compose(stack) else { return };
    // What it runs is in its image alone.
    stage.file("Dockerfile", "FROM debian:bookworm\nRUN echo 'no compiler' >&2; exit 3\nCMD [\"mysrv\"]\n");
    let said = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(1);
    assert!(
        said.stderr.contains("the image of web cannot be built") || said.stderr.contains("cannot be built"),
        "{said}"
    );
    assert!(said.stderr.contains("no compiler"), "{said}");
    stage.assert_nothing_left();
    // Without what nobody needs it is up, and --dry-run says the same.
    stage.file("Dockerfile", "FROM debian:bookworm\nCMD [\"sleep\", \"600\"]\n");
    let said = stage.backlot(&["up", "-d"]).output().assert_code(0);
    assert!(said.stderr.contains("tool is left out"), "{said}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

/// A database whose data stays.
const DURABLE: &str = "\
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: x}
    volumes: [\"data:/var/lib/postgresql/data\"]
volumes: {data: {}}
";

/// Asks the database of an environment something.
fn ask(stage: &DockerStage, engine: &[&str], sql: &str) -> Outcome {
    stage.backlot(&[engine, &["db", "shell", "-c", sql, "--", "-Atq"]].concat()).output()
}

#[test]
fn where_data_is_on_docker_later_commands_go_there() {
    let Some(stage) = compose(DURABLE) else { return };
    stage.on_docker(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    ask(&stage, &[], "CREATE TABLE t AS SELECT 7 AS n").assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");

    // Nobody has to say where it is, whatever is asked of it.
    let up = stage.backlot(&["--dry-run", "up"]).output().assert_code(0);
    assert!(up.stdout.contains("start the containers of db"), "{up}");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    ask(&stage, &[], "SELECT n FROM t").assert_prints("7");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let restored = stage.backlot(&["snapshot", "restore", "it"]).output().assert_code(1);
    assert!(
        restored.stderr.contains("it runs on Docker") || restored.stderr.contains("no snapshot"),
        "{restored}"
    );

    // Where nobody can be asked, it is said where the data is.
    for verb in [&["up", "-d"][..], &["down", "-v", "--yes"], &["db", "url"]] {
        let said =
            stage.backlot(verb).env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().assert_code(1);
        assert!(
            said.stderr.contains("the data of development is on Docker, which cannot be asked"),
            "{said}"
        );
        assert!(said.stderr.contains("--engine native up"), "{said}");
    }

    // Whoever names the other engine is told, and is there until that data has gone.
    let up = stage.backlot(&["--engine", "native", "up", "-d"]).output().assert_code(0);
    assert!(up.stderr.contains("the data of development is in Docker's volumes, where it stays"), "{up}");
    ask(&stage, &[], "CREATE TABLE u AS SELECT 8 AS n").assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "-q"]).output().assert_prints("");
    ask(&stage, &[], "SELECT n FROM u").assert_prints("8");
    let down = stage.backlot(&["down", "-v", "--yes"]).output().assert_code(0);
    assert!(down.stderr.contains("--engine docker down --volumes` removes it"), "{down}");

    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    ask(&stage, &[], "SELECT n FROM t").assert_prints("7");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let down = stage.backlot(&["down", "-v", "--yes"]).output().assert_code(0);
    assert!(down.stderr.contains("volumes of development"), "{down}");
    stage.assert_nothing_left();
}

#[test]
fn native_data_is_told_to_whoever_goes_on_on_docker() {
    let Some(stage) = compose(DURABLE) else { return };
    stage.backlot(&["up", "-d", "-q"]).output().assert_prints("");
    ask(&stage, &[], "CREATE TABLE t AS SELECT 7 AS n").assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    // What keeps it from running natively does not send it to an empty database.
    stage.file("compose.override.yaml", "services: {db: {x-backlot: {bin: /nowhere}}}");
    stage.backlot(&["up", "-d"]).output().assert_code(1);
    stage.file("compose.override.yaml", "services: {}");
    let up = stage.on_docker(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(up.stderr.contains("the data of development is in native volumes, where it stays"), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    // Docker has it last, until that is gone.
    let down = stage.backlot(&["down", "-v", "--yes"]).output().assert_code(0);
    assert!(down.stderr.contains("--engine native down --volumes` removes it"), "{down}");
    stage.backlot(&["up", "-d", "-q"]).output().assert_prints("");
    ask(&stage, &[], "SELECT n FROM t").assert_prints("7");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}
