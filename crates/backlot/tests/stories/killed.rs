//! A server that somebody else kills: nothing pretends that it runs, and nothing of it stays.

use std::time::Duration;

use backlot_process::{ProcessId, Signal};
use backlot_testkit::Stage;

use crate::{USERS_SQL, seed};

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
