//! `post_start` and `pre_stop`.

use backlot_testkit::{Stage, wait_until};

use crate::BACKLOT;

const UP: [&str; 4] = ["up", "-d", "--wait", "-q"];

#[test]
fn hooks_run_beside_each_replica_in_its_directory_and_with_its_variables() {
    let stage = Stage::empty(BACKLOT);
    let compose = "\
services:
  app:
    image: debian
    command: sh -c 'trap \"echo asked >> said; exit\" TERM; while :; do sleep 0.05; done'
    working_dir: /box
    volumes: ['./box:/box', './other:/other']
    environment: {OWN: own}
    deploy: {replicas: 2}
    post_start:
      - command: [sh, -c, 'echo post $$OWN $$MORE $$BACKLOT_REPLICA >> said; echo of the hook']
        environment: {MORE: more}
      - {command: touch there, working_dir: /other, user: somebody}
    pre_stop:
      - command: sh -c 'sleep 0.3; echo pre >> said'
";
    stage.file("compose.yaml", compose);
    stage.file("box/x", "");
    stage.file("other/x", "");
    let said = || {
        let text = std::fs::read_to_string(stage.project().join("box/said")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let up = stage.backlot(&UP).output().assert_code(0);
    assert!(up.stderr.contains("post_start of service app runs as you, not as somebody ("), "{up}");
    assert_eq!(said(), ["post own more app-1", "post own more app-2"]);
    assert!(stage.project().join("other/there").exists());
    assert!(stage.backlot(&["logs", "app"]).output().assert_code(0).stdout.contains("of the hook"));
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    let text = std::fs::read_to_string(stage.project().join("box/said")).unwrap();
    let after: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(after.len(), 4, "{text}");
    assert!(after[0] == "pre" && after[3] == "asked", "{text}");
}

#[test]
fn a_hook_that_fails_after_the_start_fails_the_service_and_one_that_hangs_holds_nobody_up() {
    let stage = Stage::empty(BACKLOT);
    let compose = |hooks: &str| {
        format!(
            "services:\n  app:\n    image: debian\n    command: sleep 1000\n    stop_grace_period: 1s\n{hooks}"
        )
    };
    stage.file(
        "compose.yaml",
        compose("    post_start: [{command: sh -c 'echo no such table >&2; exit 3'}]\n"),
    );
    let failed = stage.backlot(&UP).output().assert_code(1);
    assert!(failed.stderr.contains("its post_start `"), "{failed}");
    assert!(failed.stderr.contains("exit code 3: no such table"), "{failed}");
    assert!(stage.find_processes("sleep 1000").is_empty());
    // Neither `down` nor the end of a service waits for ever.
    stage.file("compose.yaml", compose("    post_start: [{command: sleep 2000}]\n"));
    stage.backlot(&["up", "-d", "-q"]).output().assert_code(0);
    wait_until("its hook runs", || !stage.find_processes("sleep 2000").is_empty());
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.file("compose.yaml", compose("    pre_stop: [{command: sleep 2000}, {command: touch never}]\n"));
    stage.backlot(&UP).output().assert_code(0);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    assert!(!stage.project().join("never").exists());
    // One that is missing is told before anything is started.
    stage.file("compose.yaml", compose("    pre_stop: [{command: no-such-program}]\n"));
    let failed = stage.backlot(&UP).output().assert_code(1);
    assert!(failed.stderr.contains("service app runs no-such-program, which is not on PATH"), "{failed}");
}
