//! What hands and Makefiles know from `docker compose`, and what acts here as it does there.

use backlot_testkit::Stage;
use serde_json::Value;

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  db:
    image: postgres
    environment: {POSTGRES_PASSWORD: x}
    volumes: ['data:/var/lib/postgresql/data']
  web: {image: web, x-backlot: {command: [sleep, '1000']}}
  worker: {image: web, x-backlot: {command: [sleep, '2000']}}
volumes: {data: {}}
";

/// A service that does not end when it is asked to, and has all the time in the world for it.
const STUBBORN: &str = "\
services:
  web:
    image: web
    stop_grace_period: 60m
    x-backlot: {command: [sh, -c, \"trap '' TERM; echo ready; while :; do sleep 0.1; done\"]}
";

fn stage(compose: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage.file("compose.yaml", compose);
    stage
}

/// The process of each of these services.
fn pids<const N: usize>(stage: &Stage, services: [&str; N]) -> [i64; N] {
    let listed = stage.backlot(&["ps", "--format", "json"]).output().assert_code(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    services.map(|name| {
        let service = listed.as_array().unwrap().iter().find(|one| one["service"] == name).unwrap();
        service["replicas"][0]["pid"].as_i64().unwrap()
    })
}

#[test]
fn force_recreate_replaces_what_is_named_or_all_and_data_stays() {
    let stage = stage(COMPOSE);
    let up = |more: &[&str]| {
        stage.backlot(&[&["up", "-d", "--wait", "-q"], more].concat()).output().assert_code(0);
        pids(&stage, ["db", "web", "worker"])
    };
    let first = up(&[]);
    stage.backlot(&["db", "shell", "-c", "create table kept ()", "--", "-q"]).output().assert_code(0);
    assert_eq!(up(&["--remove-orphans"]), first);
    let plan = |more: &[&str]| {
        let words = [&["--dry-run", "up", "--force-recreate"], more].concat();
        stage.backlot(&words).output().assert_code(0).stdout
    };
    assert_eq!(plan(&["web"]), "replace web\n");
    let second = up(&["--force-recreate", "web"]);
    assert_eq!((second[0], second[2]), (first[0], first[2]));
    assert_ne!(second[1], first[1]);
    assert!(plan(&[]).contains("start db"), "{}", plan(&[]));
    let third = up(&["--force-recreate", "-t", "5"]);
    for (before, after) in second.iter().zip(third) {
        assert_ne!(*before, after);
    }
    let is_there = ["db", "shell", "-c", "select to_regclass('kept') is not null", "--", "-At"];
    stage.backlot(&is_there).output().assert_prints("t");
    stage.backlot(&["down", "-vyq"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_service_is_started_without_what_it_depends_on_where_that_is_asked_for() {
    let needs = COMPOSE.replace("web: {image: web, ", "web: {image: web, depends_on: [db, worker], ");
    let stage = stage(&needs);
    let plan = |more: &[&str]| {
        stage.backlot(&[&["--dry-run", "up", "-d", "web"], more].concat()).output().assert_code(0).stdout
    };
    assert!(plan(&[]).ends_with("\nstart web, worker\n"));
    assert!(plan(&["--no-deps"]).ends_with("\nstart web\n"));
    stage.backlot(&["up", "-d", "--wait", "--no-deps", "web", "-q"]).output().assert_prints("");
    let running =
        || stage.backlot(&["ps", "--services", "--status", "running"]).output().assert_code(0).stdout;
    assert_eq!(running(), "db\nweb\n");
    // What runs of it stays as it is, changed or not.
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let before = pids(&stage, ["db", "web", "worker"]);
    stage.file("compose.yaml", needs.replace("1000", "1001").replace("2000", "2001"));
    stage.backlot(&["up", "-d", "--wait", "--no-deps", "web", "-q"]).output().assert_prints("");
    let after = pids(&stage, ["db", "web", "worker"]);
    assert!(before[1] != after[1] && (before[0], before[2]) == (after[0], after[2]), "{before:?} {after:?}");
    stage.backlot(&["down", "--volumes", "--yes", "-q"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn remove_orphans_ends_what_the_files_do_not_have_though_others_are_named() {
    let stage = stage(COMPOSE);
    stage.backlot(&["up", "-d", "--wait", "-q", "web", "worker"]).output().assert_code(0);
    stage.file("compose.yaml", COMPOSE.replace("  worker:", "  other:"));
    let services = || stage.backlot(&["ps", "--services"]).output().assert_code(0).stdout;
    stage.backlot(&["up", "-d", "--wait", "-q", "web"]).output().assert_code(0);
    assert_eq!(services(), "db\nweb\nworker\n");
    stage.backlot(&["ps", "--services", "--orphans=false"]).output().assert_prints("db\nweb");
    let plan = ["--dry-run", "up", "web", "--remove-orphans"];
    stage.backlot(&plan).output().assert_prints("stop worker, which is not in the files any more");
    stage.backlot(&["up", "-d", "--wait", "-q", "--remove-orphans", "web"]).output().assert_code(0);
    assert_eq!(services(), "db\nweb\n");
    stage.backlot(&["down", "--remove-orphans", "-vyq"]).output().assert_code(0);
}

#[test]
fn what_does_not_end_by_itself_ends_within_the_time_that_is_said() {
    let stage = stage(STUBBORN);
    let up = || stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    up();
    let [first] = pids(&stage, ["web"]);
    stage.backlot(&["restart", "-t", "1", "-q"]).output().assert_code(0);
    let [second] = pids(&stage, ["web"]);
    assert_ne!(first, second);
    stage
        .backlot(&["up", "-d", "--wait", "-q", "--force-recreate", "--timeout", "0"])
        .output()
        .assert_code(0);
    assert_ne!(pids(&stage, ["web"]), [second]);
    stage.backlot(&["stop", "--timeout=1", "-q", "web"]).output().assert_code(0);
    up();
    stage.backlot(&["down", "-t", "0", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_wait_that_takes_too_long_fails_and_says_for_whom() {
    let stage = stage(
        "services:\n  web:\n    image: web\n    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1000}\n    x-backlot: {command: [sleep, '1000']}\n",
    );
    stage.backlot(&["up", "-d", "--wait-timeout", "1"]).output().assert_code(2);
    let said = stage.backlot(&["up", "--wait", "--wait-timeout", "1", "-q"]).output().assert_code(1).stderr;
    assert!(said.contains("error: not all was ready within 1 s: web-1 (starting)"), "{said}");
    stage.backlot(&["ps", "-q", "--status", "running"]).output().assert_prints("web-1");
    stage.backlot(&["ps", "-q", "--filter", "status=exited"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn all_end_with_the_first_that_ends_and_its_exit_code_is_ours() {
    let stage = stage(
        "services:\n  job: {image: web, x-backlot: {command: [sh, -c, 'echo done; exit 3']}}\n  well: {image: web, x-backlot: {command: ['true']}}\n  web: {image: web, x-backlot: {command: [sleep, '1000']}}\n",
    );
    for (words, code) in [
        ("--abort-on-container-exit job web", 3),
        ("--abort-on-container-exit well web", 0),
        ("--abort-on-container-failure", 3),
        ("--exit-code-from job job web", 3),
        ("--exit-code-from web job web", 143),
        ("--abort-on-container-failure well", 0),
    ] {
        let words: Vec<&str> = ["up", "-q"].into_iter().chain(words.split(' ')).collect();
        stage.backlot(&words).output().assert_code(code);
        stage.assert_nothing_left();
    }
    let shown = |words: &[&str]| {
        let words = [&["up", "-q", "--abort-on-container-exit", "job"], words].concat();
        stage.backlot(&words).output().assert_code(3).stdout
    };
    assert_eq!(shown(&["--no-log-prefix", "--no-color"]), "done\n");
    assert_eq!(shown(&["--no-attach", "job"]), "");
    assert_eq!(shown(&["--attach", "web"]), "");
    stage.backlot(&["up", "--exit-code-from", "nobody"]).output().assert_code(1);
    stage.backlot(&["up", "-d", "-q", "job", "web"]).output().assert_code(0);
    stage.backlot(&["wait", "-q", "--down-project", "job"]).output().assert(3, "3", "");
    stage.assert_nothing_left();
}

#[test]
fn what_is_printed_is_as_it_is_asked_for() {
    let stage =
        stage("services:\n  web: {image: web, x-backlot: {command: [sh, -c, 'echo hi; exec sleep 1000']}}\n");
    let prints = |words: &str, expected: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        stage.backlot(&words).output().assert(0, expected, "");
    };
    prints("--progress quiet --ansi never up -d --scale web=2", "");
    prints("start --wait --wait-timeout 60 -q", "");
    prints("logs --index 2 --no-color", "web-2    | hi");
    prints("logs --index 3", "");
    prints("logs --until 2020-01-01T00:00:00Z", "");
    prints("logs --until 2120-01-01T00:00:00Z --no-log-prefix -n 1", "hi");
    prints("ls -q", "development");
    let names = stage.backlot(&["ls", "--format", "json"]).output().assert_code(0).stdout;
    let names: Value = serde_json::from_str(&names).unwrap();
    assert_eq!(names[0]["environment"], "development");
    prints("down -q", "");
}

#[test]
fn config_lists_names_and_writes_the_stack() {
    let stage = stage(
        "name: shop\nservices:\n  web: {build: ., profiles: [debug]}\n  db: {image: 'postgres:15', volumes: ['data:/x'], networks: [back], environment: {SECRET_KEY: a}}\nvolumes: {data: {}}\nnetworks: {back: {}}\n",
    );
    stage.file("Dockerfile", "FROM scratch\n");
    for (words, expected) in [
        ("config --services", "db"),
        ("--profile debug config --services", "db\nweb"),
        ("--profile debug config --images", "postgres:15\nshop-web"),
        ("config --volumes", "data"),
        ("config --networks", "back"),
        ("config --profiles", "debug"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        stage.backlot(&words).output().assert(0, expected, "…");
    }
    let words = ["-q", "--offline", "config", "-o", "resolved.yaml", "--show-secrets"];
    stage.backlot(&words[1..]).output().assert_code(0);
    let read = ["-f", "resolved.yaml", "config", "--format", "json"];
    let again = stage.backlot(&read).output().assert_code(0).stdout;
    let again: Value = serde_json::from_str(&again).unwrap();
    let first: Value =
        serde_json::from_str(&stage.backlot(&["config", "--json"]).output().assert_code(0).stdout).unwrap();
    assert_eq!(again["services"], first["services"]);
    std::fs::remove_file(stage.project().join("resolved.yaml")).unwrap();
}

#[test]
fn variables_and_entrypoints_are_a_commands_own() {
    let stage = stage(COMPOSE);
    stage.file("more.env", "A=file\nB=\"of $A\"\n");
    let tell = "echo $A $B";
    let prints = |words: &[&str], expected: &str| {
        stage.backlot(words).output().assert(0, expected, "…");
    };
    prints(&["run", "-q", "--rm", "-e", "A=one two", "web", "sh", "-c", tell], "one two");
    prints(&["run", "-q", "--env-from-file", "more.env", "-e", "A=b", "web", "sh", "-c", tell], "b of file");
    prints(&["run", "-q", "--entrypoint", "echo 'a  b'", "web", "c"], "a  b c");
    prints(&["run", "-q", "-i", "-T", "-e", "A=x", "db", "sh", "-c", tell], "x");
    prints(&["run", "-q", "-e", "A=x", "sh", "-c", tell], "x");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    prints(&["exec", "-e", "A=x", "--env", "B=y", "web", "sh", "-c", tell], "x y");
    stage.backlot(&["ps", "-e", "A=x"]).output().assert(
        2,
        "",
        "error: -e A=x sets a variable, which is for `run` and `exec`\n  help: …",
    );
    stage.backlot(&["down", "-vyq"]).output().assert_code(0);
}
