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
fn what_cannot_run_natively_runs_on_docker() {
    let Some(stage) = compose("") else { return };
    stage.file("compose.yaml", STACK.replace("NAME", stage.name()));
    stage.file("Dockerfile", "FROM python:3\nCMD [\"python\", \"-m\", \"http.server\", \"8025\"]\n");
    stage.docker(&["build", "--quiet", "--tag", &format!("{}-mail", stage.name()), "."]).assert_code(0);

    let native = stage.backlot(&["--engine", "native", "up", "-d"]).output().assert_code(1);
    assert!(native.stderr.contains("error: service mail "), "{native}");
    stage.assert_nothing_left();

    let told =
        |outcome: &Outcome| outcome.stderr.contains("  · on Docker: ") && outcome.stderr.contains("mail");
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    assert!(told(&up), "{up}");
    // It is found without being told, and no other engine touches it.
    stage
        .backlot(&["ps"])
        .output()
        .assert_prints("SERVICE…\ndb  …running  healthy…\nmail …running  healthy…");
    stage.backlot(&["exec", "mail", "sh", "-c", "exit 5"]).output().assert(5, "", "");
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
    stage.assert_nothing_left();

    // A scenario is the whole stack, too; its database alone runs natively.
    let up = stage.backlot(&["scenario", "up", "it"]).output().assert_code(0);
    assert!(told(&up), "{up}");
    stage.backlot(&["scenario", "up", "other", "--only", "db", "-q"]).output().assert_prints("");
    stage
        .backlot(&["scenario", "ls"])
        .output()
        .assert_prints("NAME…\nit     running  docker …mail:…\nother  running  native …");
    stage.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
}
