//! config, doctor, completions, help, --dry-run.

use backlot_testkit::{FakeDocker, Stage};

use crate::{BACKLOT, USERS_SQL, seed};

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
fn config_says_who_does_not_know_whom() {
    let stage = Stage::empty(BACKLOT);
    let compose = |networks: &str| {
        let text = format!(
            "services:\n  db: {{image: a, networks: [back]}}\n  proxy: {{image: a, networks: [{networks}]}}\n  web: {{image: a, networks: [front, back]}}\nnetworks: {{front: , back: }}\n"
        );
        stage.file("compose.yaml", &text);
    };
    compose("front");
    let shown = stage.backlot(&["config"]).output().assert_code(0).stdout;
    let line = "db shares no network with proxy: they do not know each other's names";
    assert!(shown.ends_with(&format!("\n\n{line}\n")), "{shown}");
    let json = stage.backlot(&["config", "--json"]).output().assert_code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["x-backlot-environment"]["apart"], serde_json::json!({"db": ["proxy"]}));
    compose("front, back");
    let shown = stage.backlot(&["config"]).output().assert_code(0).stdout;
    assert!(!shown.contains("shares no network"), "{shown}");
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
fn doctor_looks_for_docker_where_the_caller_has_it() {
    let stage = seed();
    let script = "case \"$DOCKER_HOST$DOCKER_CONTEXT\" in
        tcp://there:1|there) case \"$*\" in *short*) echo 2.29.1;; *) echo 27.1.0;; esac;;
        *) echo \"Cannot connect to the Docker daemon at $DOCKER_HOST\" >&2; exit 1;; esac";
    let docker = FakeDocker::on(&stage, script);
    let doctor = |name: &str, value: &str| {
        let doctor = stage.backlot(&["doctor"]).env("PATH", docker.path());
        let doctor = doctor.env("DOCKER_HOST", "").env(name, value).output();
        let lines = doctor.stdout.lines().skip_while(|line| !line.contains(" Docker "));
        lines.take(2).collect::<Vec<_>>().join("\n")
    };
    for (name, value) in [("DOCKER_HOST", "tcp://there:1"), ("DOCKER_CONTEXT", "there")] {
        let said = doctor(name, value);
        assert!(said.starts_with("✓ Docker       daemon 27.1.0, Compose 2.29.1"), "{said}");
    }
    // Who says where it is wants it.
    let said = doctor("DOCKER_HOST", "tcp://gone:1");
    assert!(
        said.starts_with("⚠ Docker       no Docker daemon answers: ") && said.contains("tcp://gone:1"),
        "{said}"
    );
    assert!(said.contains("→ start it"), "{said}");
    let said = doctor("SOME", "thing");
    assert!(said.starts_with("✓ Docker       client without a daemon"), "{said}");
}

#[test]
fn doctor_finds_the_nginx_that_a_stack_would_run() {
    let stage = seed();
    // As its mode says, it is a program or none; everywhere else there is none.
    let elsewhere = "for dir in /usr/sbin /usr/bin; do
            if [ -e $dir/nginx ]; then mount --bind /dev/null $dir/nginx || exit 1; fi
        done
        mount -t tmpfs none /usr/local/sbin && : > /usr/local/sbin/nginx || exit 1
        chmod $0 /usr/local/sbin/nginx; PATH=/nowhere exec \"$@\"";
    let doctor = |mode: &str, command: &[&str]| {
        let line = [&["--mount", "sh", "-c", elsewhere, mode], command].concat();
        stage.run("unshare", &line).output()
    };
    // Only root may hide and put programs.
    let can = stage.run("sh", &["-c", "command -v unshare && [ $(id -u) = 0 ]"]).output().code == 0;
    if !can || doctor("644", &["/bin/true"]).code != 0 {
        return;
    }
    let said = doctor("644", &[BACKLOT, "doctor"]);
    assert!(said.stdout.contains("⚠ nginx        not found"), "{said}");
    let said = doctor("755", &[BACKLOT, "doctor"]);
    assert!(said.stdout.contains("✓ nginx        /usr/local/sbin/nginx"), "{said}");
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
