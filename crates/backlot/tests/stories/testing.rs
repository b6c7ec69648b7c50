//! `backlot test`: an ephemeral database, the runner's exit code, and nothing left however it ends.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::Stage;

use crate::{BACKLOT, seed};

#[test]
fn the_runners_exit_code_is_ours_and_nothing_is_left() {
    let stage = seed();
    let script = "psql -Atc 'SELECT 1'; echo $APPLICATION_CONFIG; exit 9";
    stage.backlot(&["test", "-q", "--", "sh", "-c", script]).output().assert(9, "1\ntesting", "");
    stage.assert_nothing_left();
    stage.backlot(&["test", "--", "true"]).output().assert(
        0,
        "",
        "  ✓ cluster…\n  ✓ server…\n  $ …true\n  ✓ stopped…\n  ✓ removed…",
    );
}

#[test]
fn a_configured_runner_gets_the_arguments() {
    let stage = seed();
    let testing = std::fs::read_to_string(stage.project().join("docker/testing.yml")).unwrap();
    stage.file("docker/testing.yml", format!("{testing}\nx-backlot:\n  test: sh -c 'echo \"$0\" \"$@\"'\n"));
    stage.backlot(&["test", "-q", "tests/a.py", "-k", "some"]).output().assert_prints("tests/a.py -k some");
    stage.backlot(&["test", "-q", "--", "echo", "instead"]).output().assert_prints("instead");
}

#[test]
fn without_a_runner_it_says_what_to_do_and_leaves_nothing() {
    let stage = seed();
    stage.backlot(&["test", "-q"]).output().assert(
        1,
        "",
        "error: no test runner was found for [project]\n  help: say what runs the tests: `backlot test -- CMD`, or `x-backlot: {test: CMD}` in the Compose file",
    );
    stage.assert_nothing_left();
}

#[test]
fn keep_leaves_the_database_up_and_says_how_to_reach_it() {
    let stage = seed();
    let project = stage.project().display().to_string();
    let named = |rest: &[&str]| stage.backlot(&[&["-C", &project][..], rest].concat()).within("/").output();
    named(&["test", "--keep", "--", "psql", "-qc", "CREATE TABLE left_over ()"]).assert(
        0,
        "",
        "…\nthe database is kept on port …: backlot -C [project] -e testing db shell\nremove it: backlot -C [project] -e testing down",
    );
    named(&["-e", "testing", "db", "shell", "-c", "\\dt", "--", "-At"])
        .assert_prints("public|left_over|table|postgres");
    named(&["-e", "testing", "down", "-q"]).assert_prints("");
}

/// A runner that writes its process group's leader down, leaves a child in another session, and waits.
const LINGER: &str = "setsid sleep 600 & trap '' INT; echo started > \"$HOME/started\"; sleep 600 & wait";

fn start(stage: &Stage, script: &str) -> backlot_process::Child {
    let run = stage.backlot(&["test", "--", "sh", "-c", script]).start();
    wait_for_file(stage, "started");
    run
}

/// Waits for a file in the stage's HOME.
fn wait_for_file(stage: &Stage, name: &str) {
    let file = stage.root().join("user").join(name);
    for _ in 0..1200 {
        if file.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{} was never written", file.display());
}

#[test]
fn sigkill_of_backlot_leaves_nothing() {
    let stage = seed();
    let mut run = start(&stage, LINGER);
    run.signal(Signal::SIGKILL).unwrap();
    run.wait(Duration::from_secs(10)).unwrap();
    stage.assert_nothing_left();
}

/// A runner that starts a daemon which nothing leads back to: another session, an empty environment, a parent that is gone.
const FORGET: &str = "env -i setsid sleep 600 & echo $PPID > \"$HOME/started.new\"; \
                      mv \"$HOME/started.new\" \"$HOME/started\"";

#[test]
fn a_forgotten_daemon_ends_with_a_run_that_ends_by_itself() {
    let stage = seed();
    for (end, code) in [("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", 139)] {
        let script = format!("{FORGET}; {end}");
        stage.backlot(&["test", "-q", "--", "sh", "-c", &script]).output().assert(code, "", "");
        stage.assert_nothing_left();
    }
}

#[test]
fn a_forgotten_daemon_ends_with_a_run_that_is_interrupted_or_killed() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let stage = seed();
        let mut run = start(&stage, &format!("{FORGET}; exec sleep 600"));
        run.signal(signal).unwrap();
        run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        stage.assert_nothing_left();
    }
}

#[test]
fn a_forgotten_daemon_ends_when_the_process_that_does_the_work_is_killed() {
    let stage = seed();
    let mut run = start(&stage, &format!("{FORGET}; exec sleep 600"));
    stage.kill(&std::fs::read_to_string(stage.root().join("user/started")).unwrap());
    let status = run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(status), 137);
    stage.assert_nothing_left();
}

#[test]
fn sigterm_and_ctrl_c_end_the_runner_and_leave_nothing() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let stage = seed();
        let script = "echo started > \"$HOME/started\"; exec sleep 600";
        let mut run = start(&stage, script);
        run.signal(signal).unwrap();
        let status = run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        assert_eq!(backlot_process::exit_code(status), code);
        stage.assert_nothing_left();
    }
}

#[test]
fn a_runner_that_crashes_leaves_nothing() {
    let stage = seed();
    let script = "setsid sleep 600 & sleep 600 & kill -SEGV $$";
    stage.backlot(&["test", "-q", "--", "sh", "-c", script]).output().assert(139, "", "");
    stage.assert_nothing_left();
}

#[test]
fn each_run_gets_the_same_port() {
    let stage = seed();
    let port = ["test", "-q", "--", "sh", "-c", "echo $POSTGRES_PORT"];
    let first = stage.backlot(&port).output().assert_code(0).stdout;
    stage.backlot(&port).output().assert_prints(&first);
}

#[test]
fn ctrl_c_before_the_runner_is_there_counts() {
    let stage = seed();
    // The last thing before the runner is to ask git what it ignores: this one takes its time.
    stage.program("slow/git", "#!/bin/sh\necho asked > \"$HOME/asked\"\nsleep 2\nexit 1\n");
    let path = format!("{}:{}", stage.project().join("slow").display(), std::env::var("PATH").unwrap());
    let stage = stage.with("PATH", path);
    let run = stage.backlot(&["test", "-q", "--", "sh", "-c", "echo started > \"$HOME/started\""]);
    let mut run = run.start();
    wait_for_file(&stage, "asked");
    run.signal(Signal::SIGINT).unwrap();
    let status = run.wait(Duration::from_mins(1)).unwrap().expect("it ends");
    assert_eq!(backlot_process::exit_code(status), 130);
    assert!(!stage.root().join("user/started").exists());
    stage.assert_nothing_left();
}

#[test]
fn nohup_is_respected() {
    let stage = seed();
    let script = "kill -HUP $PPID; kill -HUP $$; exit 4";
    let nohup = "trap '' HUP; exec \"$0\" test -q -- sh -c \"$1\"";
    stage.run("sh", &["-c", nohup, BACKLOT, script]).output().assert(4, "", "");
}
