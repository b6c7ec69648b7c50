//! What killed servers and commands leave over: the next command copes with it and removes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::{Stage, wait_until};

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
#[cfg(target_os = "linux")]
fn the_named_segments_of_a_killed_server_go_with_it() {
    let stage = seed();
    for (up, down) in [
        (["scenario", "up", "a", "-q"].as_slice(), ["scenario", "down", "a", "-q"].as_slice()),
        (&["run", "-q", "--", "true"], &["down", "-q"]),
    ] {
        stage.backlot(up).output().assert_prints("");
        let pid = stage.find_process("bin/postgres -D");
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let named = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        let named: BTreeSet<_> = named.filter(|path| path.starts_with("/dev/shm/")).collect();
        assert!(!named.is_empty(), "it has some: {maps}");
        stage.kill_everything();
        assert!(named.iter().all(|path| Path::new(path).exists()), "they are left: {named:?}");
        stage.backlot(down).output().assert_prints("");
        assert!(!named.iter().any(|path| Path::new(path).exists()), "{named:?}");
    }
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
}

#[test]
fn what_killed_commands_have_left_is_listed_and_gone_with_the_next_command() {
    let stage = seed().with_own_templates();
    stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
    // A `down` that was killed while it removed, an `up` while it copied a cluster, and one that made a spare.
    let template = fs::read_dir(stage.home().join("templates")).unwrap().flatten();
    let template = template.map(|entry| entry.path()).find(|path| path.join("complete").exists()).unwrap();
    wait_until("the spare is made", || {
        let mut spares = fs::read_dir(template.join("spares")).into_iter().flatten().flatten();
        spares.any(|spare| spare.file_name().to_string_lossy().starts_with("ready-"))
    });
    let left = [
        environment(&stage, "b").join("removed"),
        environment(&stage, "a").with_file_name("development").join("volumes/pgdata/data.partial-1-2"),
        template.join("spares/making-1-2"),
    ];
    for dir in &left {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("PG_VERSION"), "15\n").unwrap();
    }
    let list = "ENVIRONMENT…\ndevelopment  left over …\nscenario_a   running …\nscenario_b   left over …\n\
                templates    left over …";
    stage.backlot(&["ls"]).output().assert_prints(list);
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\na     running …\nb     left over …");
    stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
    assert!(!left.iter().any(|dir| dir.exists()), "{left:?}");
    stage.backlot(&["ls"]).output().assert_prints("ENVIRONMENT…\nscenario_a   running …\n…");
    stage.backlot(&["scenario", "down", "a", "-q"]).output().assert_prints("");
    stage.backlot(&["ls"]).output().assert(0, "", "nothing is up");
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_killed_test_run_has_left_is_listed_and_gone_with_the_next_command() {
    let stage = seed();
    let script = "setsid sleep 600 & psql -qc 'CREATE TABLE begun ()'; touch begun; sleep 600";
    let mut run = stage.backlot(&["test", "--", "sh", "-c", script]).start();
    wait_until("it has begun", || stage.project().join("begun").exists());
    fs::remove_file(stage.project().join("begun")).unwrap();
    // While both processes of the run and its janitor are there, it is no left-over.
    stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
    stage.find_process("sleep 600");
    // All at once: none of them gets to tidy up after the others.
    let all = ["backlot test ", "backlot __janitor "].map(|words| stage.find_processes(words)).concat();
    assert_eq!(all.len(), 3);
    for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
        for process in &all {
            process.signal(signal).unwrap();
        }
        thread::sleep(Duration::from_millis(200));
    }
    run.wait(Duration::from_secs(10)).unwrap();
    stage.backlot(&["ls"]).output().assert_prints("ENVIRONMENT…\nscenario_a…\ntesting.… (left over: …)\n…");
    stage.backlot(&["scenario", "down", "a", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
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
