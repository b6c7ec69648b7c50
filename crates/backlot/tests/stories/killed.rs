//! Servers, supervisors and guards that somebody kills or halts: nothing pretends that they run, nothing of them stays, and
//! nothing is in the way of the next command.

use std::time::{Duration, Instant};

use backlot_process::{ProcessId, Signal};
use backlot_testkit::{Stage, free_port, get, wait_until};

use crate::blog::{ps, replicas};
use crate::{BACKLOT, USERS_SQL, seed};

/// A page that has started something, as servers do, which knows nothing of its end.
const WEB: &str = "\
import http.server, os, time
if os.fork() == 0:
    time.sleep(600)
address = ('127.0.0.1', int(os.environ['PORT']))
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
";

/// A durable database and a page, both at fixed ports; with the page's.
fn stack() -> (Stage, u16) {
    let stage = Stage::empty(BACKLOT);
    let (db, web) = (free_port(), free_port());
    stage.file(
        "compose.yaml",
        format!(
            "services:
  db:
    image: postgres
    environment: {{POSTGRES_PASSWORD: s3cret-word}}
    ports: [\"{db}:5432\"]
    volumes: [pgdata:/var/lib/postgresql/data]
  web:
    image: python
    command: python3 web.py
    environment: {{PORT: 8000}}
    ports: [\"{web}:8000\"]
    depends_on: [db]
volumes:
  pgdata:
"
        ),
    );
    stage.file("web.py", WEB);
    (stage, web)
}

/// The process whose command line has these words.
fn process(stage: &Stage, words: &str) -> ProcessId {
    ProcessId::of(stage.find_process(words).parse().unwrap()).unwrap()
}

/// The directory of an environment.
fn site(stage: &Stage, environment: &str) -> std::path::PathBuf {
    let mut projects = std::fs::read_dir(stage.home().join("projects")).unwrap();
    projects.next().unwrap().unwrap().path().join(environment)
}

/// An `up` that was killed between the start of the server and its record.
#[test]
fn up_goes_on_from_a_server_of_which_no_record_tells() {
    let (stage, web) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q", "db"]).output().assert_prints("");
    stage.backlot(&["db", "shell", "-c", "CREATE TABLE kept ()", "--", "-q"]).output().assert_prints("");
    std::fs::remove_file(site(&stage, "development").join("live/record.json")).unwrap();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(get(web, "/").unwrap().0, 200);
    stage
        .backlot(&["db", "shell", "-c", "SELECT count(*) FROM kept", "--", "-At"])
        .output()
        .assert_prints("0");
    let log = std::fs::read_to_string(site(&stage, "development").join("live/db.log")).unwrap();
    assert!(!log.contains("not properly shut down"), "it was stopped in good order: {log}");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
#[cfg(target_os = "linux")]
fn the_guard_of_a_killed_supervisor_spares_what_has_come_after_it() {
    let (stage, web) = stack();
    for services in [&[][..], &["db"]] {
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        let guard = process(&stage, " __guard ");
        guard.signal(Signal::SIGSTOP).unwrap();
        stage.kill(&stage.find_process(" __supervisor "));
        stage.backlot(&[&["up", "-d", "--wait", "-q"], services].concat()).output().assert_prints("");
        let before = ps(&stage, "development");
        // It may have been ended meanwhile.
        let _ = guard.signal(Signal::SIGCONT);
        std::thread::sleep(Duration::from_secs(2));
        let after = ps(&stage, "development");
        assert_eq!(replicas(&before, "db")[0]["pid"], replicas(&after, "db")[0]["pid"], "{after:?}");
        assert_eq!(replicas(&before, "web").len(), replicas(&after, "web").len(), "{after:?}");
        assert_eq!(get(web, "/").is_ok(), services.is_empty());
        stage.backlot(&["down", "-q"]).output().assert_prints("");
    }
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_supervisor_and_its_guard_have_left_when_both_were_killed_ends_with_the_next_command() {
    let (stage, web) = stack();
    for next in [["up", "-d", "--wait", "-q"].as_slice(), &["down", "-q"], &["scenario", "up", "a", "-q"]] {
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        let left = replicas(&ps(&stage, "development"), "web")[0]["pid"].as_i64().unwrap();
        // The supervisor first, and while its guard is halted: each hears of the other's end.
        let guard = process(&stage, " __guard ");
        guard.signal(Signal::SIGSTOP).unwrap();
        stage.kill(&stage.find_process(" __supervisor "));
        guard.signal(Signal::SIGKILL).unwrap();
        wait_until("the replica is gone", || ProcessId::of(i32::try_from(left).unwrap()).is_none());
        assert_eq!(stage.find_processes("web.py").len(), 1, "what it has started is there");
        stage
            .backlot(&["ls"])
            .output()
            .assert_prints("ENVIRONMENT…\ndevelopment  running … (left over: …)\n…");
        stage.backlot(next).output().assert_prints("");
        assert_eq!(get(web, "/").is_ok(), next[0] == "up");
    }
    let ls = stage.backlot(&["ls"]).output().assert_code(0);
    assert!(!ls.stdout.contains("left over"), "{ls}");
    stage.backlot(&["scenario", "down", "a", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
#[cfg(target_os = "linux")]
fn an_up_waits_for_what_is_being_stopped_since_its_guard_was_killed() {
    let (stage, web) = stack();
    let slow = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(3), os._exit(0)))\n";
    stage.file("web.py", WEB.replacen('\n', &format!("\n{slow}"), 1));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    stage.kill(&stage.find_process(" __guard "));
    wait_until("it is being stopped", || {
        replicas(&ps(&stage, "development"), "web")[0]["state"] == "stopping"
    });
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output();
    up.assert(0, "", "⚠ everything is being stopped: all services are started anew");
    assert_eq!(get(web, "/").unwrap().0, 200);
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

#[test]
fn a_halted_supervisor_is_named_and_holds_nobody_up_for_long() {
    let (stage, _) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    process(&stage, " __supervisor ").signal(Signal::SIGSTOP).unwrap();
    stage.backlot(&["restart", "web"]).output().assert(
        1,
        "",
        "error: the supervisor of development (process …) has said nothing for 10 s\n  help: it was halted, …: \
         backlot -e development down",
    );
    let start = Instant::now();
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn a_halted_server_is_stopped_in_good_order() {
    let (stage, _) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q", "db"]).output().assert_prints("");
    let pid = replicas(&ps(&stage, "development"), "db")[0]["pid"].as_i64().unwrap();
    ProcessId::of(i32::try_from(pid).unwrap()).unwrap().signal(Signal::SIGSTOP).unwrap();
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.backlot(&["up", "-d", "--wait", "-q", "db"]).output().assert_prints("");
    let log = std::fs::read_to_string(site(&stage, "development").join("live/db.log")).unwrap();
    assert!(!log.contains("not properly shut down"), "{log}");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
}

/// Kills the postmaster of the scenario `it` while one of its backends is too busy to notice.
fn kill_the_postmaster_of_a_busy_server(stage: &Stage) {
    let busy = "DO $$ BEGIN LOOP END LOOP; END $$";
    let mut client = stage.backlot(&["scenario", "shell", "it", "-c", busy]).start();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'";
    let started = || {
        let count = stage.backlot(&["scenario", "shell", "it", "-c", count, "--", "-At"]).output();
        count.assert_code(0).stdout.trim() == "1"
    };
    for _ in 0..100 {
        if started() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let find = ["-c", "head -1 $(find \"$0\" -name postmaster.pid)", &stage.home().display().to_string()];
    let pid = stage.run("sh", &find).output().assert_code(0).stdout;
    let postmaster = ProcessId::of(pid.trim().parse().unwrap()).unwrap();
    assert!(postmaster.signal(Signal::SIGKILL).unwrap());
    assert!(postmaster.wait_gone(Duration::from_secs(10)));
    assert!(client.try_wait().unwrap().is_none(), "the query ended by itself");
}

#[test]
fn down_ends_what_a_killed_server_left_running() {
    let stage = seed();
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    kill_the_postmaster_of_a_busy_server(&stage);
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nit    stopped  native  -  …");
    stage.backlot(&["scenario", "url", "it"]).output().assert(
        1,
        "",
        "error: scenario_it is not up\n  help: its server is gone; …\n  help: backlot scenario up it",
    );
    stage.backlot(&["scenario", "down", "it"]).output().assert(0, "", "scenario it removed");
    stage.assert_nothing_left();
}

#[test]
fn up_makes_anew_what_was_killed() {
    let stage = seed();
    stage.file("scenarios/it.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    kill_the_postmaster_of_a_busy_server(&stage);
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    let count = ["scenario", "shell", "it", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("3");
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}

/// Whoever has asked it to stop (a guard that was killed at it, `pg_ctl`): it lets nobody in any more, and its end may take as
/// long as a client stays.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_about_to_end_is_none_to_count_on() {
    let (stage, web) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    stage.backlot(&["db", "shell", "-c", "CREATE TABLE kept ()", "--", "-q"]).output().assert_prints("");
    for is_supervised in [true, false] {
        let mut client = stage.backlot(&["db", "shell", "-c", "SELECT pg_sleep(600)"]).start();
        wait_until("a client is there", || {
            [") SELECT", "] SELECT"].iter().any(|title| !stage.find_processes(title).is_empty())
        });
        if !is_supervised {
            let guard = process(&stage, " __guard ");
            guard.signal(Signal::SIGSTOP).unwrap();
            stage.kill(&stage.find_process(" __supervisor "));
            guard.signal(Signal::SIGKILL).unwrap();
        }
        let postmaster = process(&stage, "/postgres -D ");
        postmaster.signal(Signal::SIGTERM).unwrap();
        let pid_file = site(&stage, "development").join("volumes/pgdata/data/postmaster.pid");
        wait_until("it is stopping", || std::fs::read_to_string(&pid_file).unwrap().contains("stopping"));
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
        assert!(!postmaster.is_alive());
        client.kill().unwrap();
        assert_eq!(get(web, "/").unwrap().0, 200);
        stage
            .backlot(&["db", "shell", "-c", "SELECT count(*) FROM kept", "--", "-At"])
            .output()
            .assert_prints("0");
    }
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

/// Postgres itself needs some seconds to see that it cannot go on, and says meanwhile that it recovers.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_ends_at_its_recovery_is_started_anew() {
    let (stage, web) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    let much = "CREATE TABLE much AS SELECT n, repeat('x', 200) FROM generate_series(1, 400000) n";
    stage.backlot(&["db", "shell", "-c", much, "--", "-q"]).output().assert_prints("");
    let postmaster = process(&stage, "/postgres -D ");
    stage.kill(&stage.find_process("postgres: walwriter"));
    wait_until("it recovers", || {
        let startup = stage.find_processes("postgres: startup");
        startup.iter().any(|process| process.signal(Signal::SIGKILL).unwrap())
    });
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert!(!postmaster.is_alive());
    assert_eq!(get(web, "/").unwrap().0, 200);
    stage
        .backlot(&["db", "shell", "-c", "SELECT count(*) FROM much", "--", "-At"])
        .output()
        .assert_prints("400000");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn an_environment_whose_home_is_gone_ends_by_itself() {
    let (stage, _) = stack();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert!(!stage.find_processes("web.py").is_empty());
    // Nobody could ever reach it again.
    std::fs::remove_dir_all(stage.home()).unwrap();
    wait_until("nothing of it runs", || {
        ["web.py", " __supervisor ", " __guard ", "postgres"]
            .iter()
            .all(|name| stage.find_processes(name).is_empty())
    });
}
