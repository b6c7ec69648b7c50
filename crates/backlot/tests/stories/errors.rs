//! Wrong input: an error with its place and the way out, and nothing left of the attempt.

use backlot_testkit::{FakePostgres, Stage};

use crate::{BACKLOT, USERS_SQL, seed};

/// Runs `scenario up it` and gives what it said; it has to fail and leave nothing.
fn refused(stage: &Stage) -> String {
    let outcome = stage.backlot(&["scenario", "up", "it"]).output().assert_code(1);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert!(outcome.stderr.contains("error: "), "{outcome}");
    stage.assert_nothing_left();
    outcome.stderr
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn config_files_that_make_no_sense() {
    for (text, parts) in [
        ("{\"a\": 1}", &["config/scenario.json:1:1"][..]),
        ("[\n  {\"name\": \"A\", \"value\": 1}\n]", &["config/scenario.json:2:26"]),
        (
            "[\n  {\"name\": \"A\", \"value\": \"1\"},\n  {\"name\": \"A\", \"value\": \"2\"}\n]",
            &["config/scenario.json:3:", "A"],
        ),
        ("[\n", &["config/scenario.json:1:3"]),
        ("", &["config/scenario.json:1:1"]),
    ] {
        let stage = seed();
        stage.file("config/scenario.json", text);
        assert_says(&refused(&stage), parts);
    }
}

#[test]
fn a_line_that_may_hold_a_secret_is_not_quoted() {
    let stage = seed();
    stage.file("config/scenario.json", "[\n  {\"name\": \"POSTGRES_PASSWORD\", \"value\": 12345678}\n]");
    let said = refused(&stage);
    assert_says(&said, &["config/scenario.json:2:", "may hold a secret"]);
    assert!(!said.lines().any(|line| line.contains("{\"name\"")), "{said}");
}

#[test]
fn compose_files_that_make_no_sense() {
    for (text, parts) in [
        (
            "services:\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: ${A:?say it}\n",
            &["docker/scenario.yml:5:", "say it"][..],
        ),
        ("services:\n  db:\n    image: ${A\n", &["docker/scenario.yml:3:"]),
        (
            "services:\n  db:\n    image: postgres\n    depends_on: [nobody]\n",
            &["docker/scenario.yml:4:", "nobody"],
        ),
        ("services:\n  db:\n   image: postgres\n  - x\n", &["docker/scenario.yml:4:"]),
        ("services:\n  db:\n    image: postgres\n", &["POSTGRES_PASSWORD", "docker/scenario.yml:2:"]),
        ("services:\n  web:\n    image: nginx\n", &["no Postgres service", "docker/scenario.yml"]),
        (
            "services:\n  db:\n    image: postgres\n    command: postgres --what\n    environment: {POSTGRES_PASSWORD: x}\n",
            &["--what", "docker/scenario.yml:2:"],
        ),
    ] {
        let stage = seed();
        stage.file("docker/scenario.yml", text);
        assert_says(&refused(&stage), parts);
    }
}

#[test]
fn names_that_cannot_be_names() {
    let stage = seed();
    let long = "x".repeat(1000);
    for name in ["a/b", "..", "a b", "", "é", "-x", long.as_str()] {
        for verb in ["up", "down", "url"] {
            let outcome = stage.backlot(&["scenario", verb, "--", name]).output().assert_code(2);
            assert_eq!(outcome.stdout, "", "{outcome}");
        }
    }
    stage.backlot(&["-e", "../x", "config"]).output().assert_code(2);
    stage.assert_nothing_left();
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let stage = seed();
    stage.backlot(&["scenario", "url", "it"]).output().assert(
        1,
        "",
        "error: scenario_it is not up\n  help: backlot scenario up it",
    );
    let config = stage.backlot(&["-e", "staging", "config"]).output().assert_code(1);
    assert_says(&config.stderr, &["staging", "development", "production"]);
    let nowhere = Stage::empty(BACKLOT);
    let found = nowhere.backlot(&["config"]).output().assert_code(1);
    assert_says(&found.stderr, &["error: ", "[project]", "help: "]);
}

#[test]
fn errors_as_json_have_a_stable_code() {
    let stage = seed();
    stage.file("config/scenario.json", "[\n  {\"name\": \"A\", \"value\": 1}\n]");
    let outcome = stage.backlot(&["scenario", "up", "it", "--json"]).output().assert_code(1);
    assert_says(&outcome.stderr, &["{\"error\":{\"code\":\"", "\"line\":2", "\"column\":26", "\"hints\":["]);
    let outcome = stage.backlot(&["scenario", "url", "it", "--json"]).output().assert_code(1);
    assert_says(&outcome.stderr, &["\"code\":\"not-up\"", "backlot scenario up it"]);
}

/// A stage whose Postgres is a fake.
fn faked(version: &str) -> (Stage, FakePostgres) {
    // What a fake makes is no template for others.
    let stage = seed().with_own_templates();
    let fake = FakePostgres::on(&stage, version);
    let compose = std::fs::read_to_string(stage.project().join("docker/scenario.yml")).unwrap();
    stage.file("docker/scenario.yml", format!("{compose}\nx-backlot:\n  bin: {}\n", fake.bin()));
    (stage, fake)
}

#[test]
fn a_postgres_that_is_too_old_or_not_the_one_asked_for() {
    let (stage, _fake) = faked("9.6.24");
    assert_says(&refused(&stage), &["9.6"]);
    let stage = seed();
    let compose = std::fs::read_to_string(stage.project().join("docker/scenario.yml")).unwrap();
    stage.file("docker/scenario.yml", compose.replace("image: postgres", "image: postgres:99"));
    assert_says(&refused(&stage), &["99", "help: "]);
}

#[test]
fn an_initdb_that_fails_shows_what_it_said() {
    let (stage, fake) = faked("15.1");
    fake.replace("initdb", "[ \"$1\" = --version ] && echo 'initdb (PostgreSQL) 15.1' && exit\necho 'initdb: no, thank you' >&2; exit 1");
    assert_says(&refused(&stage), &["initdb: no, thank you"]);
}

#[test]
fn a_state_file_that_cannot_be_read_is_an_error_and_down_still_works() {
    let stage = seed();
    stage.file("scenarios/it.sql", USERS_SQL);
    stage.backlot(&["scenario", "up", "it", "-q"]).output().assert_prints("");
    let find = ["-name", "record.json"];
    let home = stage.home().join("projects").display().to_string();
    let record = stage
        .run("find", &[&[home.as_str()][..], &find].concat())
        .output()
        .stdout
        .replace("[home]", &stage.home().display().to_string());
    std::fs::write(record.trim(), "{ \"version\": 1, ").unwrap();
    let outcome = stage.backlot(&["scenario", "up", "it"]).output().assert_code(1);
    assert_says(
        &outcome.stderr,
        &["record.json is damaged (line 1", "help: remove what is left of it: backlot scenario down it"],
    );
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nit    damaged…");
    stage.backlot(&["scenario", "up", "it", "--fresh", "-q"]).output().assert_prints("");
    stage.backlot(&["scenario", "ls"]).output().assert_prints("NAME…\nit    running…");
    stage.backlot(&["scenario", "down", "it"]).output().assert(0, "", "scenario it removed");
}

#[test]
fn a_home_that_cannot_be_used() {
    let stage = seed();
    std::fs::write(stage.root().join("a-file"), "").unwrap();
    let home = stage.root().join("a-file/home").display().to_string();
    let outcome = stage.backlot(&["scenario", "up", "it"]).env("BACKLOT_HOME", home).output().assert_code(1);
    assert_says(
        &outcome.stderr,
        &["error: cannot use the directory [stage]/a-file/home", "because: ", "BACKLOT_HOME"],
    );
}

#[test]
fn the_postgres_log_is_shown_when_the_server_does_not_start() {
    let stage = seed();
    let compose = std::fs::read_to_string(stage.project().join("docker/scenario.yml")).unwrap();
    let command = "image: postgres\n    command: postgres -c shared_buffers=lots";
    stage.file("docker/scenario.yml", compose.replace("image: postgres", command));
    assert_says(&refused(&stage), &["shared_buffers", "lots"]);
}

#[test]
fn a_home_that_is_no_absolute_path_is_not_silently_another_one() {
    let stage = seed();
    let outcome =
        stage.backlot(&["scenario", "up", "it"]).env("BACKLOT_HOME", "here").output().assert_code(1);
    assert_says(&outcome.stderr, &["error: BACKLOT_HOME is here, which is no absolute path"]);
}

#[test]
fn what_nobody_may_look_at_is_not_taken_for_absent() {
    let stage = seed();
    std::fs::write(stage.root().join("a-file"), "").unwrap();
    let home = stage.root().join("a-file").display().to_string();
    let down = stage.backlot(&["scenario", "down", "it"]).env("BACKLOT_HOME", &home).output().assert_code(1);
    assert_says(&down.stderr, &["error: cannot look at [stage]/a-file/projects/"]);
    let doctor = stage.backlot(&["doctor"]).env("BACKLOT_HOME", &home).output().assert_code(1);
    assert_says(&doctor.stdout, &["✗ directories"]);
}

#[test]
fn the_folder_of_programs_that_the_project_names_is_what_is_missing() {
    let stage = seed();
    let compose = std::fs::read_to_string(stage.project().join("docker/scenario.yml")).unwrap();
    stage.file("docker/scenario.yml", format!("{compose}\nx-backlot:\n  bin: /nowhere/at/all\n"));
    assert_says(&refused(&stage), &["find Postgres in /nowhere/at/all", "help: name another folder"]);
}

/// A small file system of its own, where that can be had: as root with the right to mount.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn on(stage: &Stage, size: &str) -> Option<Self> {
        let dir = stage.root().join("small");
        std::fs::create_dir(&dir).unwrap();
        let options = format!("{size},mode=755");
        let path = dir.display().to_string();
        let mounted = stage.run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &path]).output();
        (mounted.code == 0).then_some(Self(dir))
    }

    fn unmount(&self, stage: &Stage) {
        stage.run("umount", &[&self.0.display().to_string()]).output().assert(0, "", "");
    }
}

#[test]
fn a_full_disk_is_called_one() {
    // Too small for initdb, for its databases, and for a clone.
    let space = ["size=10m", "size=30m", "size=45m"].map(|size| (size, "the disk is full"));
    let files = ["size=500m,nr_inodes=100", "size=500m,nr_inodes=700", "size=500m,nr_inodes=1500"];
    let files =
        files.map(|size| (size, "the disk takes no more files, however small (it has no inodes left)"));
    for (size, lack) in space.into_iter().chain(files) {
        let stage = seed();
        let Some(disk) = SmallDisk::on(&stage, size) else { return };
        let up = stage.backlot(&["scenario", "up", "it"]).env("BACKLOT_HOME", disk.0.display().to_string());
        let outcome = up.output();
        disk.unmount(&stage);
        let outcome = outcome.assert_code(1);
        assert_says(&outcome.stderr, &[lack, "help: free some space"]);
    }
}

#[test]
fn a_host_of_nginx_that_is_no_service_is_told_beside_the_services() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  nginx: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/nginx.conf']}\n  web: {image: x, command: sleep 1}\n",
    );
    stage.file(
        "nginx.conf",
        "events {}\nhttp { server { listen 80; location / { proxy_pass http://wbe:80; } } }\n",
    );
    let up = stage.backlot(&["up", "-d", "--dry-run"]).output().assert_code(1);
    assert!(up.stderr.contains("nginx.conf:2: wbe is no service of the stack (it has nginx, web)"), "{up}");
}

#[test]
fn all_that_is_in_the_way_is_told_at_once_and_the_same_by_a_dry_run_and_doctor() {
    let stage = Stage::empty(BACKLOT);
    let port = backlot_testkit::free_port();
    let compose = format!(
        "services:
  one: {{build: ., command: no-such-program}}
  two: {{image: company/two}}
  three: {{image: x, command: sleep 1, depends_on: [two]}}
  good: {{image: x, command: sleep 100, ports: ['{port}:80']}}
"
    );
    stage.file("compose.yaml", compose);
    let up = stage.backlot(&["up", "-d"]).output().assert_code(1).stderr;
    let told = [
        "error: 2 things are in the way:",
        "  service one runs no-such-program, which is not on PATH",
        "  service two has no command that can run natively (its image is company/two)",
        "or run the rest: `backlot up good`",
    ];
    for part in told {
        assert!(up.contains(part), "{part}\n{up}");
    }
    assert_eq!(stage.backlot(&["up", "-d", "--dry-run"]).output().assert_code(1).stderr, up);
    let doctor = stage.backlot(&["doctor"]).output();
    assert!(told[1..3].iter().all(|part| doctor.stdout.contains(part)), "{doctor}");
    let json = stage.backlot(&["--json", "up", "-d"]).output().assert_code(1).stderr;
    let json: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(json["error"]["code"], "no-program");
    assert!(json["error"]["message"].as_str().unwrap().contains("service two has no command"), "{json}");
    // A port that somebody has is told by a dry run, too.
    let _held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let up = stage.backlot(&["up", "-d", "good"]).output().assert_code(1).stderr;
    assert!(up.contains(&format!("port {port}, which service good publishes, is in use")), "{up}");
    assert_eq!(stage.backlot(&["up", "-d", "good", "--dry-run"]).output().assert_code(1).stderr, up);
    stage.assert_nothing_left();
}
