//! `backlot scenario`: up, ls, shell, url, env, run, down.

use backlot_testkit::Stage;

use crate::{BACKLOT, USERS_SQL, seed};

#[test]
fn a_scenario_from_up_to_down() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL).under_git();
    stage.backlot(&["scenario", "up", "users"]).output().assert(
        0,
        "Scenario users is ready on port … (…).\n  SQL shell:  backlot scenario shell users\n  URL:        …",
        "  ✓ cluster   PostgreSQL …, throw-away, cloned…\n  ✓ server    db on 127.0.0.1:…\n  ✓ scenario  scenarios/users.sql  …",
    );
    let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("3");
    stage
        .backlot(&["scenario", "shell", "users", "--", "-At"])
        .stdin("SELECT 1;\nSELECT 2;\n")
        .output()
        .assert_prints("1\n2");
    stage.backlot(&["scenario", "ls"]).output().assert_prints(
        "NAME   STATE    ENGINE  PORT   DATABASE     SIZE     AGE  SERVICES\nusers  running  native  …  application  … MiB  …s  …-",
    );
    stage.backlot(&["scenario", "down", "users"]).output().assert(0, "", "scenario users removed");
    stage.assert_nothing_left();
    stage.assert_clean_tree();
    stage.backlot(&["scenario", "ls"]).output().assert(0, "", "no scenario is up; there are files for users");
}

#[test]
fn a_second_up_says_that_it_is_running_and_fresh_makes_it_anew() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    stage
        .backlot(&["scenario", "shell", "users", "-c", "DELETE FROM users", "--", "-q"])
        .output()
        .assert_prints("");
    let url = stage.backlot(&["scenario", "url", "users"]).output().assert_code(0).stdout;

    stage.backlot(&["scenario", "up", "users"]).output().assert(
        0,
        "Scenario users is running on port …\n…",
        "",
    );
    let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("0");

    stage.backlot(&["scenario", "up", "users", "--fresh", "-q"]).output().assert_prints("");
    stage.backlot(&count).output().assert_prints("3");
    // The port that it has is the one that it had.
    assert_eq!(stage.backlot(&["scenario", "url", "users"]).output().stdout, url);
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}

#[test]
fn the_url_and_the_variables_lead_to_the_database() {
    let stage = seed();
    stage.backlot(&["scenario", "up", "empty", "-q"]).output().assert_prints("");
    let url = stage
        .backlot(&["scenario", "url", "empty"])
        .output()
        .assert(0, "postgresql://postgres:s3cret-word@127.0.0.1:…/application", "")
        .stdout;
    let port = url.trim().rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    stage
        .run("psql", &[url.trim(), "-Atc", "SELECT current_database()"])
        .output()
        .assert_prints("application");

    let env = stage.backlot(&["scenario", "env", "empty"]).output().assert_code(0).stdout;
    for line in [
        "export APPLICATION_CONFIG=scenario_empty",
        "export APPLICATION_DB=application",
        "export APPLICATION_SCENARIO_NAME=empty",
        "export FLASK_CONFIG=scenario",
        "export PGPASSWORD=s3cret-word",
        "export POSTGRES_HOSTNAME=127.0.0.1",
        &format!("export POSTGRES_PORT={port}"),
    ] {
        assert!(env.lines().any(|l| l == line), "no {line} in\n{env}");
    }
    let json = stage.backlot(&["scenario", "env", "empty", "--json"]).output().assert_code(0).stdout;
    assert!(json.contains(&format!("\"POSTGRES_PORT\": \"{port}\"")), "{json}");
    let eval = r#"eval "$("$0" scenario env empty)" && psql -Atc 'SELECT 42'"#;
    stage.run("sh", &["-c", eval, BACKLOT]).output().assert_prints("42");
    stage.backlot(&["scenario", "down", "empty", "-q"]).output().assert_prints("");
}

#[test]
fn run_is_in_the_environment_and_gives_the_commands_exit_code() {
    let stage = seed();
    stage.backlot(&["scenario", "up", "a", "-q"]).output().assert_prints("");
    let script = "psql -Atc 'SELECT 7'; echo $POSTGRES_HOSTNAME $GREETING; exit 3";
    let run = stage.backlot(&["scenario", "run", "a", "--", "sh", "-c", script]).env("GREETING", "hello");
    run.output().assert(3, "7\n127.0.0.1 hello", "");
    stage.backlot(&["scenario", "run", "a", "--", "sh", "-c", "kill -9 $$"]).output().assert(137, "", "");
    stage.backlot(&["scenario", "run", "a", "--", "no-such-program"]).output().assert(
        127,
        "",
        "error: no program no-such-program is on PATH",
    );
    stage.backlot(&["scenario", "down", "a", "-q"]).output().assert_prints("");
}

#[test]
fn several_scenarios_in_two_checkouts_beside_development_and_tests() {
    let (one, two) = (seed(), seed());
    // Both checkouts keep their state in one home, as one user's do.
    let two = two.with("BACKLOT_HOME", one.home().display().to_string());
    for stage in [&one, &two] {
        stage.file("scenarios/users.sql", USERS_SQL).under_git();
        for name in ["users", "other"] {
            stage.backlot(&["scenario", "up", name, "-q"]).output().assert_prints("");
        }
        stage.backlot(&["create-initial-db", "-q"]).output().assert_prints("");
        stage.backlot(&["test", "-q", "--", "true"]).output().assert_prints("");
    }
    one.backlot(&["scenario", "shell", "users", "-c", "DELETE FROM users", "--", "-q"])
        .output()
        .assert_prints("");
    let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];
    one.backlot(&count).output().assert_prints("0");
    two.backlot(&count).output().assert_prints("3");

    one.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    one.backlot(&["scenario", "ls", "-q"]).output().assert_prints("");
    two.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nother  running…\nusers  running…");
    two.backlot(&["scenario", "down", "--all", "-q"]).output().assert_prints("");
    for stage in [&one, &two] {
        stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
        stage.assert_clean_tree();
    }
}

#[test]
fn many_ups_of_one_name_at_once_make_one_scenario() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints(""));
        }
    });
    let count = ["scenario", "shell", "users", "-c", "SELECT count(*) FROM users", "--", "-At"];
    stage.backlot(&count).output().assert_prints("3");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}

#[test]
fn a_killed_up_is_repaired_by_the_next_one_and_removed_by_down() {
    let stage = seed();
    stage.file("scenarios/slow.sql", "CREATE TABLE begun (); SELECT pg_sleep(600);");
    for repair in ["up", "down"] {
        let mut up = stage.backlot(&["scenario", "up", "slow"]).start();
        wait_for_table(&stage);
        up.signal(backlot_process::Signal::SIGKILL).unwrap();
        up.wait(std::time::Duration::from_secs(10)).unwrap();
        stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nslow  half-made…");
        if repair == "up" {
            stage.file("scenarios/slow.sql", "CREATE TABLE finished ();");
            stage.backlot(&["scenario", "up", "slow", "-q"]).output().assert_prints("");
            let table = ["scenario", "shell", "slow", "-c", "SELECT * FROM finished", "--", "-At"];
            stage.backlot(&table).output().assert_prints("");
            stage.file("scenarios/slow.sql", "CREATE TABLE begun (); SELECT pg_sleep(600);");
        }
        stage.backlot(&["scenario", "down", "slow", "-q"]).output().assert_prints("");
        stage.assert_nothing_left();
    }
}

#[test]
fn ctrl_c_while_a_scenario_is_filled_leaves_nothing() {
    for signal in [backlot_process::Signal::SIGINT, backlot_process::Signal::SIGTERM] {
        let stage = seed();
        stage.file("scenarios/slow.sql", "CREATE TABLE begun (); SELECT pg_sleep(600);");
        let mut up = stage.backlot(&["scenario", "up", "slow"]).start();
        wait_for_table(&stage);
        up.signal(signal).unwrap();
        let status = up.wait(std::time::Duration::from_secs(20)).unwrap().expect("it ends");
        assert_eq!(status.code(), Some(130));
        stage.assert_nothing_left();
    }
}

#[test]
fn a_killed_postmaster_shows_as_stopped_and_up_makes_it_anew() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    let pid = "SELECT pg_read_file('postmaster.pid')";
    let pid =
        stage.backlot(&["scenario", "shell", "users", "-c", pid, "--", "-At"]).output().assert_code(0).stdout;
    stage.kill(pid.lines().next().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(500));
    stage
        .backlot(&["scenario", "ls"])
        .output()
        .assert_prints("NAME…\nusers  stopped  native  -     application  -     …");
    stage.backlot(&["scenario", "url", "users"]).output().assert(1, "", "error: scenario_users is not up\n…");
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}

/// Waits until the scenario `slow` has begun to fill its database.
fn wait_for_table(stage: &Stage) {
    let begun = ["scenario", "shell", "slow", "-c", "SELECT count(*) FROM begun", "--", "-At"];
    for _ in 0..400 {
        let listing = stage.backlot(&["scenario", "ls", "--json"]).output();
        if listing.stdout.contains("\"busy\"") && stage.backlot(&begun).output().stdout.trim() == "0" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("the scenario was never begun");
}

#[test]
fn no_url_leads_a_scenario_to_another_server() {
    let stage = Stage::empty(BACKLOT);
    let compose = "services:\n  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n";
    stage.file("compose.yaml", compose);
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    let lines = |stage: &Stage| stage.backlot(&["scenario", "env", "it"]).output().assert_code(0).stdout;
    for url in ["postgres://u:p@db.example.com/app", "postgresql+psycopg2://u:p@10.0.0.7:5432/app"] {
        stage.file(".env", format!("DATABASE_URL={url}\n"));
        let lines = lines(&stage);
        assert!(lines.contains("export DATABASE_URL=postgresql://postgres:x@127.0.0.1:"), "{lines}");
    }
    stage.file(".env", "DATABASE_URL=sqlite:///app.db\n");
    assert!(lines(&stage).contains("export DATABASE_URL=sqlite:///app.db"));
    stage.backlot(&["scenario", "down", "it", "-q"]).output().assert_prints("");
}
