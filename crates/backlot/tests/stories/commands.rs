//! config, doctor, completions, help, --dry-run.

use crate::{USERS_SQL, seed};

#[test]
fn config_shows_files_variables_and_services_and_hides_secrets() {
    let stage = seed();
    stage.backlot(&["config", "-e", "production"]).output().assert_prints(
        "project      project (seed layout) in [project]\n\
         environment  production\n\
         files        …config/production.json…\n\
         \n\
         VARIABLE            VALUE        FROM\n\
         FLASK_CONFIG        production   config/production.json\n\
         POSTGRES_DB         postgres     config/production.json\n\
         POSTGRES_USER       postgres     config/production.json\n\
         POSTGRES_HOSTNAME   localhost    config/production.json\n\
         POSTGRES_PASSWORD   ••••         config/production.json\n\
         APPLICATION_DB      application  config/production.json\n\
         POSTGRES_PORT       5432         config/production.json\n\
         APPLICATION_CONFIG  production   backlot\n\
         \n\
         SERVICE  RUNS            PORTS      REPLICAS  DEPENDS ON\n\
         db       image postgres  5432:5432  1         -",
    );
    let json = stage.backlot(&["config", "--json"]).output().assert_code(0).stdout;
    assert!(!json.contains("s3cret-word"), "{json}");
    let shown = stage.backlot(&["config", "--json", "--show-secrets"]).output().assert_code(0).stdout;
    assert!(shown.contains("\"POSTGRES_PASSWORD\": \"s3cret-word\""), "{shown}");
}

#[test]
fn the_callers_variables_win_over_the_files() {
    let stage = seed();
    let config = stage.backlot(&["config"]).env("FLASK_CONFIG", "mine").output().assert_code(0).stdout;
    assert!(config.contains("FLASK_CONFIG        mine         process environment"), "{config}");
    let chosen =
        stage.backlot(&["config"]).env("APPLICATION_CONFIG", "testing").output().assert_code(0).stdout;
    assert!(chosen.contains("environment  testing"), "{chosen}");
}

#[test]
fn the_project_is_found_from_below_and_by_option() {
    let stage = seed();
    stage.file("application/models/x", "");
    let below = stage.backlot(&["config"]).within(stage.project().join("application/models"));
    let there = below.output().assert_code(0).stdout;
    let named =
        stage.backlot(&["-C", "project", "config"]).within(stage.root()).output().assert_code(0).stdout;
    assert_eq!(there, stage.backlot(&["config"]).output().stdout);
    assert_eq!(named, there);
}

#[test]
fn doctor_says_what_is_there() {
    let stage = seed();
    let doctor = stage.backlot(&["doctor"]).output().assert_code(0);
    for start in
        ["✓ PostgreSQL   1", "✓ user", "✓ directories  [home]", "✓ project      project in [project]: "]
    {
        assert!(doctor.stdout.lines().any(|line| line.starts_with(start)), "no {start}\n{doctor}");
    }
    // Without anything on PATH there is still Debian's Postgres; Python is missing, which is no fault.
    let bare = stage.backlot(&["doctor"]).env("PATH", "/nowhere").output();
    assert!(bare.stdout.contains("⚠ Python       not found"), "{bare}");
}

#[test]
fn completions_are_for_the_shells() {
    let stage = seed();
    for (shell, word) in
        [("bash", "complete -F _backlot"), ("zsh", "#compdef backlot"), ("fish", "complete -c backlot")]
    {
        let script = stage.backlot(&["completions", shell]).output().assert_code(0);
        assert!(script.stdout.contains(word), "{shell}");
        assert_eq!(script.stderr, "");
    }
    stage.backlot(&["completions", "tcsh"]).output().assert_code(2);
}

#[test]
fn a_dry_run_prints_the_steps_and_carries_out_none() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    let dry = ["scenario", "up", "users", "--dry-run"];
    stage.backlot(&dry).output().assert_prints(
        "clone a throw-away cluster with postgres, application\n\
         start db on a free port of 127.0.0.1\n\
         run scenarios/users.sql",
    );
    stage.assert_nothing_left();
    stage.backlot(&["scenario", "up", "users", "-q"]).output().assert_prints("");
    stage.backlot(&dry).output().assert_prints("");
    stage
        .backlot(&["scenario", "down", "users", "--dry-run"])
        .output()
        .assert_prints("stop the server\nremove the environment's files");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}

#[test]
fn secrets_are_in_no_argument_and_no_log() {
    let stage = seed();
    stage.file("scenarios/users.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "users", "-v"]).output().assert_code(0);
    let mut searched = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command);
        if command.contains(&*stage.home().to_string_lossy()) {
            searched += 1;
            assert!(!command.contains("s3cret-word"), "{command}");
        }
    }
    assert!(searched > 0);
    let live = stage.home().join("projects");
    let logs = stage.run("grep", &["-rl", "s3cret-word", &live.display().to_string()]).output();
    assert!(logs.stdout.lines().all(|file| file.ends_with("record.json")), "{logs}");
    stage.backlot(&["scenario", "down", "users", "-q"]).output().assert_prints("");
}
