//! Whoever waits is told for what.

use backlot_testkit::Stage;

use crate::BACKLOT;
use crate::output::on_a_terminal;

/// A service that is well once a file is there.
fn late() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  web:\n    image: x\n    command: sleep 1000\n    \
         healthcheck: {test: 'test -e well || { echo no such luck; exit 1; }', interval: 1s, retries: 100}\n",
    );
    stage
}

#[test]
fn off_a_terminal_a_line_comes_now_and_then() {
    let stage = late();
    let project = stage.project();
    let helper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(12));
        std::fs::write(project.join("well"), "").unwrap();
    });
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    helper.join().unwrap();
    let still: Vec<&str> = up.stderr.lines().filter(|line| line.starts_with("    still ")).collect();
    assert_eq!(still.len(), 1, "{up}");
    assert!(still[0].starts_with("    still waiting for web-1 (starting): its last check: "), "{up}");
    assert!(still[0].contains("no such luck") && still[0].ends_with(" s)"), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn on_a_terminal_a_line_tells_the_time_so_far_and_is_gone_at_the_end() {
    let stage = late();
    let up = on_a_terminal(&stage, "no such luck|1.4 s|2.", &["up", "-d", "--wait"], ("NO_COLOR", "1"));
    assert!(up.stdout.contains("  · web-1     starting: its last check: "), "{up}");
    assert!(up.stdout.contains("\u{1b}[1A\r\u{1b}[J"), "{up}");
    let narrow = up.stdout.split(['\r', '\n']).filter(|line| line.contains("web-1"));
    assert!(narrow.clone().count() > 1 && narrow.clone().all(|line| line.chars().count() <= 90), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.file("well", "");
    let quick = on_a_terminal(&stage, "never", &["up", "-d", "--wait"], ("LC_ALL", "C")).assert_code(0);
    assert!(quick.stdout.contains("+\u{1b}[0m web-1     is ready"), "ASCII\n{quick}");
    assert!(!quick.stdout.contains("\u{1b}[J"), "{quick}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn the_file_of_a_scenario_that_runs_is_told_and_a_web_that_starts_is_not_called_ready() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  web:\n    image: x\n    ports: ['8000']\n    \
         command: sh -c 'sleep 3; exec python3 -m http.server $$PORT'\n",
    );
    stage.file("scenarios/slow/01-first.sql", "select 1;");
    stage.file(
        "scenarios/slow/02-slow.sql",
        "copy (select generate_series(1, 1200), pg_sleep(0.01)) to '/dev/null';",
    );
    let up = stage.backlot(&["scenario", "up", "slow"]).output().assert_code(0);
    let still: Vec<&str> = up.stderr.lines().filter(|line| line.starts_with("    still ")).collect();
    assert_eq!(still.len(), 1, "{up}");
    assert!(still[0].starts_with("    still run scenarios/slow: 02-slow.sql, "), "{up}");
    assert!(still[0].contains(" rows"), "{up}");
    assert!(up.stdout.contains("  web:        starting at http://127.0.0.1:"), "{up}");
    let ls = stage.backlot(&["scenario", "ls"]).output();
    assert!(ls.stdout.trim_end().ends_with(" (starting)"), "{ls}");
    let ls = stage.backlot(&["scenario", "ls", "--json"]).output();
    assert!(ls.stdout.contains("\"ready\": false"), "{ls}");
    stage.backlot(&["scenario", "up", "slow", "--wait", "-q"]).output().assert(0, "", "");
    let up = stage.backlot(&["scenario", "up", "slow"]).output().assert_code(0);
    assert!(up.stdout.contains("  web:        http://127.0.0.1:"), "{up}");
    stage.backlot(&["scenario", "down", "slow", "-q"]).output().assert_prints("");
}
