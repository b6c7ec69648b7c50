//! `backlot test`: an ephemeral database, the runner's exit code, and nothing left however it ends.

use std::time::Duration;

use backlot_process::Signal;
use backlot_testkit::Stage;

use crate::{BACKLOT, has_views, seed};

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

const SHOP: &str = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  api:
    image: python:3
    command: python3 -m http.server 9000
    working_dir: /site
    volumes: ['./site:/site']
    expose: ['9000']
    healthcheck: {test: 'curl -fsS http://localhost:9000/', interval: 100ms, retries: 50}
  web:
    build: ./backend
    command: sleep 1000
    working_dir: /code
    volumes: ['./backend:/code']
    env_file: [backend/.env]
    environment: {DB_HOST: db, DB_PORT: 5432, API: 'http://api:9000'}
    depends_on: {db: {condition: service_started}, api: {condition: service_healthy}}
    x-backlot: {test: sh check.sh}
";

fn shop() -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", SHOP).file("site/page", "a page").file("backend/.env", "FROM_FILE=yes\n");
    stage.file("backend/Dockerfile", "FROM python:3\n").file("backend/some/test_a.py", "");
    stage
}

#[test]
fn the_tests_of_a_service_have_its_variables_its_directory_and_its_neighbours() {
    let stage = shop();
    stage.file(
        "backend/check.sh",
        "echo \"$FROM_FILE $DB_HOST:$DB_PORT $APPLICATION_CONFIG $@\"\nls some\n\
         curl -fsS $API/page; echo\n\
         PGPASSWORD=x psql -h $DB_HOST -p $DB_PORT -U postgres -XAtc 'CREATE TABLE made (); SELECT 42' 2>&1\n\
         psql -XAtc 'SELECT 43' 2>&1\npwd; exit 7\n",
    );
    if !has_views() {
        return;
    }
    stage.backlot(&["up", "-d", "db", "-q"]).output().assert_prints("");
    let test = stage.backlot(&["test", "-q", "backend/some/test_a.py", "-k", "x"]).output();
    test.assert(
        7,
        "yes db:5432 testing some/test_a.py -k x\ntest_a.py\na page\nCREATE TABLE\n42\n43\n/code",
        "…",
    );
    // Development's database is another one.
    stage.backlot(&["db", "shell", "-c", "\\dt", "--", "-At"]).output().assert_code(0);
    let inside = stage.project().join("backend/some");
    let test = stage.backlot(&["test", "-q", "test_a.py"]).within(inside.to_str().unwrap()).output();
    assert!(test.stdout.starts_with("yes db:5432 testing some/test_a.py\n"), "{test}");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn the_dry_run_of_tests_tells_what_runs_beside_them() {
    let stage = shop();
    let dry = stage.backlot(&["test", "--dry-run"]).output().assert_code(0);
    if has_views() {
        assert!(dry.stdout.contains("api"), "{dry}");
        assert!(dry.stdout.contains("check.sh as web"), "{dry}");
    }
    stage.assert_nothing_left();
}

#[test]
fn what_cannot_run_beside_the_tests_is_told_and_done_without() {
    if !has_views() {
        return;
    }
    let stage = shop();
    stage.file("compose.yaml", SHOP.replace("python3 -m http.server 9000", "no-such-program"));
    stage.file("backend/check.sh", "echo $DB_HOST");
    let test = stage.backlot(&["test", "-q"]).output().assert_code(0);
    assert_eq!(test.stdout, "db\n", "{test}");
    assert!(test.stderr.contains("the tests do without api: service api runs no-such-program"), "{test}");
    stage.assert_nothing_left();
}

/// However the run ends: the services beside it end as well.
#[test]
fn what_runs_beside_killed_tests_ends_with_them() {
    if !has_views() {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let stage = shop();
        stage.file("backend/check.sh", "echo started > \"$HOME/started\"; exec sleep 600\n");
        let mut run = stage.backlot(&["test", "-q"]).start();
        wait_for_file(&stage, "started");
        run.signal(signal).unwrap();
        run.wait(Duration::from_secs(20)).unwrap().expect("it ends");
        stage.assert_nothing_left();
    }
}

#[test]
fn commands_of_a_projects_only_service_have_its_variables_and_directory() {
    let stage = shop();
    let line = "echo $FROM_FILE $DB_HOST; pwd; PGPASSWORD=x psql -h $DB_HOST -p $DB_PORT -U postgres -XAtc 'SELECT 42'";
    let web =
        SHOP.split("  api:").next().unwrap().to_owned() + "  web:" + SHOP.split("  web:").nth(1).unwrap();
    let web = web.replace(", api: {condition: service_healthy}", "");
    stage.file("compose.yaml", web);
    let backend = stage.project().join("backend").display().to_string();
    let run = stage.backlot(&["run", "-q", "--", "sh", "-c", line]).output();
    run.assert_prints("yes 127.0.0.1\n[project]/backend\n42");
    // Somewhere in it, the command stays there.
    let inside = format!("{backend}/some");
    let run = stage.backlot(&["run", "-q", "--", "pwd"]).within(&inside).output();
    run.assert_prints("[project]/backend/some");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn of_several_services_with_tests_one_is_chosen_by_its_folder() {
    let stage = Stage::empty(BACKLOT);
    let service = |name: &str| {
        stage.file(&format!("{name}/Dockerfile"), "FROM python:3\nWORKDIR /code\nCOPY . .\n");
        let manage = "# django\nimport os, sys\nprint(*sys.argv[1:], 'in', os.getcwd())\n";
        stage.file(&format!("{name}/inner/manage.py"), manage);
        stage.file(&format!("{name}/manage.py"), manage);
        format!("  {name}: {{build: ./{name}, command: sleep 1000, depends_on: [db]}}\n")
    };
    let db = "  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n";
    let one = format!("services:\n{db}{}", service("back"));
    stage.file("compose.yaml", format!("{one}{}", service("front")));
    stage.backlot(&["test"]).output().assert(
        1,
        "",
        "error: there are tests of back, front, and one service's are run at a time\n  help: `backlot test back` runs those of back; so does `test` in its folder",
    );
    let prints = |arguments: &[&str], folder: &str, expected: &str| {
        let folder = stage.project().join(folder);
        let run = stage.backlot(&[&["test", "-q"], arguments].concat()).within(folder.to_str().unwrap());
        let outcome = run.output().assert_code(0);
        assert!(outcome.stdout.starts_with(expected), "{outcome}");
    };
    prints(&["front"], "", "test . in ");
    prints(&[], "front", "test in ");
    // The only folder that has tests is where they run.
    std::fs::remove_file(stage.project().join("back/manage.py")).unwrap();
    stage.file("compose.yaml", one);
    prints(&[], "", if has_views() { "test in /code/inner" } else { "test in " });
    stage.assert_nothing_left();
}
