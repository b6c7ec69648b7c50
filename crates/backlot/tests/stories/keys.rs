//! What a Compose file says and a native process does not do is named; what is named on the command line is switched on.

use backlot_testkit::Stage;

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  web:
    image: web
    command: sleep 1000
    cap_add: [NET_ADMIN]
    labels: {a: b}
    sysctls: {net.core.somaxconn: 1}
  quiet: {image: web, command: sleep 1000, restart: always, logging: {options: {max-size: 1m}}}
  proxy: {image: 'traefik:3', command: ['--providers.docker']}
";

fn stage(compose: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose);
    stage
}

#[test]
fn every_key_that_is_not_honoured_is_named_by_every_verb_that_reads_it() {
    let stage = stage(COMPOSE);
    let way_out = "--engine docker honours it";
    let lines = format!(
        "  ⚠ web.cap_add: a native process has the rights of whoever starts it ([project]/compose.yaml:5:5); {way_out}\n  \
         ⚠ web.sysctls: the settings of this machine's kernel hold ([project]/compose.yaml:7:5); {way_out}"
    );
    let dry = stage.backlot(&["up", "--dry-run", "web", "quiet"]).output();
    dry.assert(0, "start quiet, web", &lines);
    stage.backlot(&["config", "-q"]).output().assert(0, "", &lines);
    // What is nothing but its image's program is left out by name.
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let proxy =
        "service proxy is the program of its image traefik, of which its command says only the options";
    assert!(up.stderr.contains(proxy) && up.stderr.contains("it is left out; say which program"), "{up}");
    assert_eq!(up.stderr.lines().count(), 3, "{up}");
    let named = stage.backlot(&["up", "-d", "proxy"]).output().assert_code(1);
    assert!(named.stderr.contains(&format!("error: {proxy}")), "{named}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn what_would_do_something_else_is_refused_with_all_obstacles_at_once() {
    let stage = stage(
        "services:\n  a: {image: x, command: sleep 1, pre_start: [{command: a}]}\n  b: {image: x, command: sleep 1, pre_start: [{command: a}]}\n",
    );
    for arguments in [&["up", "-d"][..], &["up", "--dry-run"]] {
        let up = stage.backlot(arguments).output().assert_code(1);
        assert!(
            up.stderr.starts_with("error: a.pre_start: it is not run natively before the service starts"),
            "{up}"
        );
        assert!(up.stderr.contains("\n       b.pre_start: "), "{up}");
    }
}

#[test]
fn a_service_that_is_named_is_switched_on_and_stays() {
    let stage = stage(
        "services:\n  web: {image: x, command: sleep 1000}\n  debug: {image: x, command: sleep 1000, profiles: [debug]}\n  job: {image: x, command: echo ran, profiles: [debug]}\n",
    );
    let names = || {
        let ps = stage.backlot(&["ps", "-q"]).output().assert_code(0);
        ps.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(names().len(), 1);
    stage.backlot(&["logs", "debug"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "--wait", "-q", "debug"]).output().assert_code(0);
    let both = names();
    assert_eq!(both.len(), 2);
    // One without names neither ends it nor starts the others of its profile.
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(names(), both);
    stage.backlot(&["restart", "debug", "-q"]).output().assert_code(0);
    stage.backlot(&["logs", "job"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
