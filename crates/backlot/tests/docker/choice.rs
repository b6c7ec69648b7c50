//! Which engine runs what, when nobody says.

use backlot_testkit::Outcome;

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
