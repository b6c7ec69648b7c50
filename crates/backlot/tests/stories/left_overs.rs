//! What killed servers and commands leave over: the next command copes with it and removes it.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::Stage;

use crate::{USERS_SQL, seed};

#[test]
fn a_postmaster_killed_under_a_busy_query_is_no_running_scenario() {
    let stage = seed();
    for repair in [["scenario", "up", "a", "-q"], ["scenario", "down", "a", "-q"]] {
        stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
        let pid = postmaster(&stage, "a");
        let busy = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 10000000) b";
        let mut query = stage.backlot(&["scenario", "shell", "a", "-c", busy]).start();
        let is_busy =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%100000%' AND state = 'active'";
        wait_for(&stage, "a", is_busy, "2");
        stage.kill(&pid);
        stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\na     stopped …");
        stage.backlot(&repair).output().assert_prints("");
        query.wait(Duration::from_secs(10)).unwrap();
    }
    stage.assert_nothing_left();
}

#[test]
#[cfg(target_os = "linux")]
fn the_shared_memory_of_a_killed_server_goes_with_it() {
    let stage = seed();
    stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
    let pid = postmaster(&stage, "a");
    // The fifth column is the process that made the segment.
    let segments = || {
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        table.lines().filter(|line| line.split_whitespace().nth(4) == Some(pid.as_str())).count()
    };
    assert_eq!(segments(), 1);
    stage.kill_everything();
    stage.backlot(&["scenario", "down", "a", "-q"]).output().assert_prints("");
    assert_eq!(segments(), 0);
}

#[test]
fn what_a_scenario_has_started_goes_with_it() {
    let stage = seed();
    stage.program("scenarios/daemon.sh", "#!/bin/sh\nsetsid sleep 600 >/dev/null 2>&1 &\nexit 0\n");
    stage.backlot(&["scenario", "up", "daemon", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "daemon", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();

    let script = "#!/bin/sh\nsetsid sleep 600 &\npsql -qc 'CREATE TABLE begun ()'\nsleep 600\n";
    stage.program("scenarios/slow.sh", script);
    let mut up = stage.backlot(&["scenario", "up", "slow"]).start();
    wait_for(&stage, "slow", "SELECT count(*) FROM begun", "0");
    up.signal(Signal::SIGKILL).unwrap();
    up.wait(Duration::from_secs(10)).unwrap();
    stage.backlot(&["scenario", "down", "slow", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn what_a_killed_down_has_left_is_removed_by_the_next() {
    let stage = seed();
    for next in [&["scenario", "down", "a"][..], &["scenario", "down", "--all"]] {
        stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
        stage.kill_everything();
        let live = environment(&stage, "a").join("live");
        fs::rename(&live, live.with_file_name("removed")).unwrap();
        stage.backlot(next).output().assert(0, "", "scenario a removed");
        stage.assert_nothing_left();
    }
}

/// The random moments at which a scenario's commands are killed; the next ones have to cope.
#[test]
fn a_kill_at_any_moment_harms_nothing() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    let commands = [["scenario", "up", "users", "-q"], ["scenario", "down", "users", "-q"]];
    for (round, delay_ms) in [3, 11, 19, 26, 33, 41, 55, 70, 90, 120].into_iter().enumerate() {
        let mut killed = stage.backlot(&commands[(round + 1) % 2]).start();
        thread::sleep(Duration::from_millis(delay_ms));
        killed.kill().unwrap();
        stage.backlot(&commands[round / 2 % 2]).output().assert_prints("");
        stage.backlot(&commands[0]).output().assert_prints("");
        let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];
        stage.backlot(&count).output().assert_prints("3");
    }
    stage.backlot(&commands[1]).output().assert_prints("");
}

/// The directory of a scenario of the stage's only project.
fn environment(stage: &Stage, scenario: &str) -> PathBuf {
    let mut projects = fs::read_dir(stage.home().join("projects")).unwrap();
    projects.next().unwrap().unwrap().path().join(format!("scenario_{scenario}"))
}

/// The process of a scenario's server.
fn postmaster(stage: &Stage, scenario: &str) -> String {
    let file = environment(stage, scenario).join("live/data/postmaster.pid");
    fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned()
}

/// Waits until a query in a scenario gives this answer.
fn wait_for(stage: &Stage, scenario: &str, sql: &str, answer: &str) {
    let query = ["scenario", "shell", scenario, "-c", sql, "--", "-At"];
    for _ in 0..400 {
        if stage.backlot(&query).output().stdout.trim() == answer {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("{sql} never gave {answer}");
}
