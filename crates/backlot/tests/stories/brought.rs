//! What other people's projects bring with them: scripts, builds, checks of their own.

use std::time::Duration;

use backlot_process::wait_for;
use backlot_testkit::Stage;

use crate::{BACKLOT, has_views};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn what_a_dockerfile_builds_is_planned_once_and_with_the_modules_that_are_there() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  web: {build: .}\n  live: {build: ., volumes: ['.:/app', /app/node_modules]}\n",
    );
    stage.file("package.json", "{\"scripts\": {\"build\": \"true\"}}");
    let dockerfile = "FROM node:20\nWORKDIR /app\nCOPY package.json .\nRUN npm install\nCOPY . .\nRUN npm run build\nCMD [\"node\", \"dist\"]\n";
    stage.file("Dockerfile", dockerfile);
    if !has_views() || stage.run("npm", &["--version"]).output().code != 0 {
        return;
    }
    let plan = || stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    let install = "install what live, web need: npm install\n";
    // A folder of the project's own lies over what the image of the other one has built.
    let rest = "build for web: npm run build\nstart live, web\n";
    assert_eq!(plan(), format!("{install}{rest}"));
    stage.file("node_modules/.package-lock.json", "{}");
    stage.file("node_modules/ms/index.js", "");
    assert_eq!(plan(), rest);
}

#[test]
fn programs_that_scripts_run_and_are_not_here_are_told_before_they_are_waited_for() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", "services:\n  web: {build: ., command: sleep 1}\n");
    stage.file("Dockerfile", "FROM debian\nCOPY start.sh /start.sh\nENTRYPOINT [\"/start.sh\"]\n");
    stage.program("start.sh", "#!/bin/sh\n\nuntil jq . /data; do sleep 1; done\nexec \"$@\"\n");
    let bin = stage.root().join("bin");
    stage.program("../bin/sleep", "#!/bin/sh\n");
    let dry =
        || stage.backlot(&["up", "--dry-run"]).env("PATH", bin.to_str().unwrap()).output().assert_code(0);
    let said = dry().stderr;
    assert!(said.contains("the script of service web runs jq, which is not on this machine"), "{said}");
    assert!(said.contains("start.sh:3); install it (on Debian: jq)"), "{said}");
    stage.program("../bin/jq", "#!/bin/sh\n");
    assert!(!dry().stderr.contains("jq"), "{}", dry().stderr);
}

#[test]
fn a_script_that_waits_for_a_port_does_so_where_no_program_of_this_machine_can() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    let compose = "services:\n  web: {build: .}\n  late:\n    image: python\n    command: sh -c 'sleep 1; python3 -m http.server 7000'\n";
    stage.file("compose.yaml", compose);
    stage.file(
        "Dockerfile",
        "FROM debian\nCOPY start.sh /start.sh\nENTRYPOINT [\"/start.sh\"]\nCMD [\"sleep\", \"60\"]\n",
    );
    let script = "#!/bin/sh\nnc -z -w 1 late 7001 && exit 7\nwhile ! nc -zv late 7000; do sleep 0.1; done\n\
                  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc late 7000 | head -1\nexec \"$@\"\n";
    stage.program("start.sh", script);
    let bin = stage.root().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let link = |name: &str, place: &str| std::os::unix::fs::symlink(place, bin.join(name)).unwrap();
    for name in ["sh", "sleep", "head"] {
        link(name, &format!("/usr/bin/{name}"));
    }
    let python = stage.run("python3", &["-c", "import sys; print(sys.executable)"]).output();
    link("python3", python.stdout.trim());
    let path = bin.to_str().unwrap();
    let up = stage.backlot(&["up", "-d", "--wait"]).env("PATH", path).output().assert_code(0);
    assert!(!up.stderr.contains("nc, which"), "{up}");
    let logs = || stage.backlot(&["logs", "web"]).output().stdout;
    let said = wait_for(LIMIT, || Some(logs()).filter(|text| text.contains("HTTP/1.0 200 OK")));
    assert!(said.is_some_and(|text| text.contains("Connection to late port 7000 succeeded!")), "{}", logs());
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

/// A script that goes on as another user does so as whoever has started it; one that would start itself for ever is told.
#[test]
fn scripts_that_change_the_user_go_on_where_nothing_here_changes_it() {
    let stage = Stage::empty(BACKLOT);
    stage
        .file("compose.yaml", "services:\n  web: {build: .}\n  circle: {build: ., entrypoint: /circle.sh}\n");
    stage.file(
        "Dockerfile",
        "FROM debian\nCOPY start.sh circle.sh /\nENTRYPOINT [\"/start.sh\"]\nCMD [\"sleep\", \"60\"]\n",
    );
    stage.program("start.sh", "#!/bin/sh\nsu-exec app:app echo as it is\nexec gosu app \"$@\"\n");
    stage.program("circle.sh", "#!/bin/sh\nexec su-exec app \"$0\"\n");
    let bin = stage.root().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["sh", "sleep", "echo"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{name}"), bin.join(name)).unwrap();
    }
    let stage = stage.with("PATH", bin.display().to_string());
    let up = stage.backlot(&["up", "-d", "--wait", "web"]).output().assert_code(0);
    let note = "service web runs as you, not as the user of `su-exec` in its script ([project]/start.sh:2)";
    assert!(up.stderr.contains(note) && up.stderr.contains("`gosu`"), "{up}");
    stage.backlot(&["logs", "--no-log-prefix", "web"]).output().assert_prints("as it is");
    let failed = stage.backlot(&["up", "-d", "--wait", "circle"]).output().assert_code(1);
    assert!(
        failed.stderr.contains("su-exec: the script starts itself anew as app, which it never is"),
        "{failed}"
    );
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

/// What an entrypoint is handed and begins may be executable only in the image, too.
#[test]
fn a_script_that_only_the_image_makes_executable_runs_where_an_entrypoint_begins_it() {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", "services:\n  web: {build: .}\n");
    stage.file(
        "Dockerfile",
        "FROM debian\nCOPY start.sh serve.sh /\nRUN chmod +x /start.sh /serve.sh\nENTRYPOINT [\"/start.sh\"]\nCMD [\"/serve.sh\", \"now\"]\n",
    );
    stage.program("start.sh", "#!/bin/sh\nexec \"$@\"\n");
    stage.file("serve.sh", "#!/bin/sh\necho served $1\nexec sleep 600\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    stage.backlot(&["logs", "--no-log-prefix"]).output().assert_prints("served now");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_database_is_checked_by_a_script_that_its_service_mounts() {
    if !has_views() {
        return;
    }
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: x}
    secrets: [who]
    volumes: ['./checks:/checks:ro', 'data:/var/lib/postgresql/data']
    healthcheck: {test: /checks/db.sh, interval: 1s, retries: 2}
volumes: {data: {}}
secrets: {who: {file: ./who}}
",
    );
    stage.file("who", "postgres");
    stage.program("checks/db.sh", "#!/bin/sh\nexec pg_isready -U \"$(cat /run/secrets/who)\"\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(stage.backlot(&["ps"]).output().stdout.contains("healthy"));
    stage.program("checks/db.sh", "#!/bin/sh\necho not like this; exit 1\n");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    let outcome = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(1);
    assert!(outcome.stderr.contains("not like this"), "{outcome}");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
