//! What is in the way of an `up`: all of it in one error, and the same from a dry run and from `doctor`.

use backlot_testkit::{FakeDocker, Stage, free_port};

use crate::BACKLOT;

/// What an `up` says, which a dry run says, too, and `doctor` in its own form.
#[track_caller]
fn refused(stage: &Stage, options: &[&str], path: Option<&str>) -> String {
    let run = |words: &[&str]| {
        let run = stage.backlot(words);
        let run = if let Some(path) = path { run.env("PATH", path) } else { run };
        run.output()
    };
    let up = run(&[options, &["up", "-d"]].concat()).assert_code(1).stderr;
    let dry = run(&[options, &["up", "-d", "--dry-run"]].concat()).assert_code(1).stderr;
    assert_eq!(dry, up);
    let doctor = run(&[options, &["doctor"]].concat());
    let error = up.lines().skip_while(|line| !line.starts_with("error: "));
    for line in error.take_while(|line| !line.starts_with("  help: ")) {
        let part = line.trim_start_matches("error: ").trim_start_matches("  because: ").trim();
        assert!(doctor.stdout.contains(part), "{part}\n{doctor}");
    }
    stage.assert_nothing_left();
    up
}

#[test]
fn every_layer_is_in_one_error() {
    let port = free_port();
    let held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stage = Stage::empty(BACKLOT);
    let compose = format!(
        "services:
  db: {{image: postgres}}
  other: {{image: 'postgres:99', environment: {{POSTGRES_PASSWORD: x}}}}
  third: {{image: postgres, command: postgres --what, environment: {{POSTGRES_PASSWORD: x}}}}
  one: {{build: ., command: no-such-program}}
  two: {{image: x, command: sleep 1, pre_start: [{{command: 'true'}}]}}
  web: {{image: x, command: sleep 1, ports: ['{port}:80'], volumes: ['data:/data']}}
volumes: {{data: {{external: true}}}}
"
    );
    stage.file("compose.yaml", &compose);
    let said = refused(&stage, &[], None);
    let told = [
        "7 things are in the way:",
        "  service db has no POSTGRES_PASSWORD\n",
        "  service third has the command \"--what\"",
        "  two.pre_start: it is not run",
        "  service one runs no-such-program, which is not on PATH\n",
        "  there is no volume data",
        "  cannot find Postgres 99",
        &format!("  port {port}, which service web publishes, is in use by "),
        "set it under `environment:` of the service",
    ];
    for part in told {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // Nothing runs without its database.
    assert!(!said.contains("run the rest"), "{said}");
    let json = stage.backlot(&["--json", "up", "-d"]).output().assert_code(1).stderr;
    let json: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let codes =
        json["error"]["obstacles"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap());
    let codes: Vec<&str> = codes.collect();
    assert_eq!(
        codes,
        [
            "database-password",
            "database",
            "not-honoured",
            "no-program",
            "no-volume",
            "no-postgres",
            "port-in-use"
        ]
    );
    drop(held);
    // What is not asked for is in nobody's way.
    let compose = compose
        .replace("db: {image: postgres}", "db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}");
    stage.file("compose.yaml", compose.replace("external: true", ""));
    stage.backlot(&["up", "-d", "--dry-run", "web"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn the_rest_that_could_run_is_what_no_obstacle_is_about() {
    let port = free_port();
    let _held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stage = Stage::empty(BACKLOT);
    let compose = format!(
        "services:
  held: {{image: x, command: sleep 1, ports: ['{port}:80']}}
  needing: {{image: x, command: sleep 1, depends_on: [held]}}
  lost: {{build: ., command: no-such-program}}
  good: {{image: x, command: sleep 1}}
"
    );
    stage.file("compose.yaml", compose);
    let said = refused(&stage, &[], None);
    assert!(
        said.contains("2 things are in the way:")
            && said.trim_end().ends_with("or run the rest: `backlot up good`"),
        "{said}"
    );
}

#[test]
fn what_only_docker_can_tell_is_told_by_all_of_them() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", "services:\n  db: {image: postgres}\n");
    let docker = FakeDocker::on(&stage, "exit 0");
    let said = refused(&stage, &["--engine", "docker"], Some(&docker.path()));
    assert!(said.contains("service db has no POSTGRES_PASSWORD"), "{said}");
    let unset = "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: '${DB_PASSWORD}'}}\n";
    stage.file("compose.yaml", unset);
    let said = refused(&stage, &[], None);
    assert!(
        said.contains(
            "the one that the file gives it is empty ([project]/compose.yaml:2:3): set the variable"
        ),
        "{said}"
    );
    stage.file("compose.yaml", "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n");
    for (script, expected) in [
        (
            "echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1",
            "no Docker daemon answers",
        ),
        (
            "case \"$1\" in compose) echo 'unknown command' >&2; exit 1;; *) exit 0;; esac",
            "neither `docker compose` nor docker-compose",
        ),
    ] {
        docker.program("docker", script);
        let said = refused(&stage, &["--engine", "docker"], Some(&docker.path()));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_once_too() {
    let stage = Stage::empty(BACKLOT);
    for (compose, expected) in [
        (
            "services:\n  a: {image: '${ONE:?first}'}\n  b: {image: x, command: '${TWO:?second}'}\n",
            ["variable ONE must be set: first", "variable TWO must be set: second"],
        ),
        (
            "services:\n  a: {image: x, env_file: [one.env, two.env]}\n  b: {image: x, env_file: two.env}\n",
            ["one.env does not exist", "two.env does not exist"],
        ),
        (
            "services:\n  a: {image: x, depends_on: [none]}\n  b: {command: x}\n",
            ["depends on \"none\", which is not defined", "neither an image nor a build"],
        ),
    ] {
        stage.file("compose.yaml", compose);
        let up = stage.backlot(&["up", "-d"]).output().assert_code(1);
        let doctor = stage.backlot(&["doctor"]).output().assert_code(1);
        for part in expected {
            assert!(up.stderr.contains(part) && doctor.stdout.contains(part), "{part}\n{up}\n{doctor}");
        }
        assert!(up.stderr.matches("error: ").count() >= 2 && up.stderr.contains("compose.yaml:3:"), "{up}");
    }
    // What is missing beside the files is told once, however often it is named.
    let compose = "\
x-of: &of {image: 'x:${TAG:?which}', env_file: one.env}
services:
  a: {<<: *of}
  b: {<<: *of, command: 'echo ${TAG:?which} ${OTHER:?which}'}
  c: {image: x, env_file: [one.env, two.env]}
";
    stage.file("compose.yaml", compose);
    let up = stage.backlot(&["up", "-d"]).output().assert_code(1);
    for part in ["TAG must be set", "OTHER must be set", "one.env does not exist", "two.env does not exist"] {
        assert_eq!(up.stderr.matches(part).count(), 1, "{part}\n{up}");
    }
}

#[test]
fn what_files_that_cannot_be_read_would_hide_is_told_with_them() {
    let stage = Stage::empty(BACKLOT);
    let compose = "services:
  db: {image: postgres, env_file: .env.db}
  web: {build: ., command: no-such-program, environment: {KEY: '${KEY:?say it}', ALSO: '${ONE:?}${TWO:?}'}}
  one: {image: x, command: sleep 1, depends_on: [none]}
";
    stage.file("compose.yaml", compose);
    stage.file(".env.db.example", "POSTGRES_PASSWORD=x\n");
    let way_out =
        "make .env.db of its example, and look through it: `cp [project]/.env.db.example [project]/.env.db`";
    // What is wrong with the whole keeps everybody from looking further.
    let up = stage.backlot(&["up", "-d"]).output().assert_code(1).stderr;
    let variables = ["KEY must be set: say it", "ONE must be set", "TWO must be set"];
    let wrong = ["depends on \"none\"", ".env.db does not exist", way_out];
    for part in wrong.iter().chain(&variables) {
        assert!(up.contains(part), "{part}\n{up}");
    }
    assert!(!up.contains("runs no-such-program"), "{up}");
    stage.file("compose.yaml", compose.replace(", depends_on: [none]", ""));
    let said = stage.backlot(&["up", "-d"]).output().assert_code(1).stderr;
    for part in wrong[1..].iter().chain(&variables).chain(&["service web runs no-such-program"]) {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // The password is in the file that is not there.
    assert!(!said.contains("POSTGRES_PASSWORD"), "{said}");
    let doctor = stage.backlot(&["doctor"]).output().assert_code(1).stdout;
    assert!(doctor.contains("no-such-program") && doctor.contains("compose.yaml:2:35)"), "{doctor}");
    let json = stage.backlot(&["--json", "up", "-d"]).output().assert_code(1).stderr;
    let json: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let all = json["error"]["obstacles"].as_array().unwrap();
    let codes: Vec<&str> = all.iter().map(|one| one["code"].as_str().unwrap()).collect();
    let variable = "variable-required";
    assert_eq!(codes, ["env-file-missing", variable, variable, variable, "no-program"]);
}

#[test]
fn variables_that_are_not_set_are_told_with_the_way_to_a_file_that_has_them() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", "services:\n  web: {image: x, command: 'echo ${WHO}', ports: ['$PORT:80']}\n");
    stage.file("env-example", "WHO=Ada\nPORT=0\n");
    let said = stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stderr;
    for (column, name) in [(28, "WHO"), (51, "PORT")] {
        let line = format!("compose.yaml:2:{column}: the variable {name} is not set; it is taken as empty");
        assert!(said.contains(&line), "{line}\n{said}");
    }
    assert!(said.contains("there is no .env: make .env of its example"), "{said}");
    stage.file("compose.yaml", "services:\n  web: {image: x, command: echo, ports: ['${PORT}:${PORT}']}\n");
    let said = stage.backlot(&["up", "--dry-run"]).output().assert_code(1).stderr;
    let way_out = "set PORT, which is not set, or write CONTAINER";
    assert!(said.contains(way_out) && said.contains("; or make .env of its example"), "{said}");
    stage.file(".env", "PORT=8123\n");
    let said = stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stderr;
    assert_eq!(said, "");
}

#[test]
fn profiles_that_leave_nothing_are_told() {
    let stage = Stage::empty(BACKLOT);
    let compose = "services:\n  web: {image: x, command: sleep 1, profiles: [web]}\n  db: {image: postgres, profiles: [db]}\n";
    stage.file("compose.yaml", compose);
    stage.file(".env.example", "COMPOSE_PROFILES=web\n");
    let said = refused(&stage, &[], None);
    assert!(said.contains("no service is switched on: db, web are off by their profiles"), "{said}");
    assert!(said.contains("`backlot up db`, or switch profiles on: `--profile NAME`"), "{said}");
    let dry = stage.backlot(&["--profile", "web", "up", "--dry-run"]).output().assert_code(0);
    assert_eq!((dry.stdout.as_str(), dry.stderr.as_str()), ("start web\n", ""));
}
