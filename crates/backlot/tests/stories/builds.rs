//! What Dockerfiles build of the project's files is there natively, and never in the project.

use std::fs;
use std::path::Path;
use std::time::Duration;

use backlot_process::{Signal, wait_for};
use backlot_testkit::Stage;

use crate::{BACKLOT, has_views};

const LIMIT: Duration = Duration::from_secs(30);

/// Packs a page for where it is told, with a variable of its image; the text `bad` is none that it likes.
const MANAGE: &str = "\
import os, pathlib, sys
text = pathlib.Path('page.txt').read_text()
if 'bad' in text:
    print('page.txt:1: no such word')
    sys.exit(3)
for place in sys.argv[2:]:
    path = pathlib.Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(os.environ.get('LANGUAGE_OF', '') + ' ' + text)
";

fn project(dockerfile: &str, compose: &str) -> Stage {
    let stage = Stage::empty(BACKLOT);
    stage
        .file("web/manage.py", MANAGE)
        .file("web/page.txt", "first\n")
        .file("web/Dockerfile", dockerfile)
        .file("compose.yaml", compose)
        .under_git();
    stage
}

/// Built in the stage that runs.
const OWN: &str = "\
FROM python:3
WORKDIR /app
ARG LANGUAGE_OF=en
COPY . .
RUN python3 manage.py collectstatic static/page.txt
CMD python3 -m http.server 8000 -d /app
";
const COMPOSE: &str = "services:\n  web:\n    build: web\n    expose: ['8000']\n";

fn page(stage: &Stage, path: &str) -> String {
    stage.backlot(&["exec", "web", "cat", path]).output().stdout
}

fn built(stage: &Stage) -> usize {
    let entries = fs::read_dir(stage.home().join("dependencies")).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().join(".backlot-whole").exists())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("build-"))
        .count()
}

#[test]
fn what_a_stage_builds_is_there_and_built_again_when_its_files_change() {
    if !has_views() {
        return;
    }
    let stage = project(OWN, COMPOSE);
    stage
        .file("web/.dockerignore", "static\n*.md\n")
        .file("web/static/old.txt", "what somebody has built")
        .under_git();
    let plan = || stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    assert_eq!(plan(), "build for web: python3 manage.py collectstatic static/page.txt\nstart web\n");
    assert_eq!(built(&stage), 0, "a plan builds nothing");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(page(&stage, "/app/static/page.txt"), "en first\n");
    stage.assert_clean_tree();
    // What a service writes there is its environment's.
    let write = "echo more > /app/static/more.txt && cat /app/static/more.txt";
    stage.backlot(&["exec", "web", "sh", "-c", write]).output().assert_prints("more\n");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    assert_eq!(plan(), "start web\n");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let there = stage.backlot(&["exec", "web", "ls", "/app/static"]).output();
    there.assert_prints("page.txt\n");
    assert_eq!(plan(), "");
    // What is not for a build does not change it.
    fs::write(stage.project().join("web/README.md"), "more").unwrap();
    assert!(!plan().contains("build"), "{}", plan());
    for (count, text) in [(2, "second\n"), (3, "third\n"), (4, "fourth\n"), (5, "fifth\n")] {
        fs::write(stage.project().join("web/page.txt"), text).unwrap();
        assert_eq!(plan(), "build for web: python3 manage.py collectstatic static/page.txt\nreplace web\n");
        stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
        assert_eq!(page(&stage, "/app/static/page.txt"), format!("en {text}"));
        assert_eq!(built(&stage), count.min(3), "the last ones are kept");
    }
    // What is seen by a service is not taken from it.
    let pruned = stage.backlot(&["prune", "--all", "--yes"]).output().assert_code(0);
    assert!(wait_for(LIMIT, || (built(&stage) <= 1).then_some(())).is_some(), "{pruned}");
    assert_eq!(page(&stage, "/app/static/page.txt"), "en fifth\n");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn what_another_stage_builds_is_where_it_is_copied() {
    if !has_views() {
        return;
    }
    let dockerfile = "\
FROM python:3 AS pages
WORKDIR /work
ENV LANGUAGE_OF=fr
COPY . .
RUN python3 manage.py collectstatic out/page.txt out/js/page.js /alone.txt
FROM python:3 AS between
COPY --from=pages /work/out /between
FROM python:3
WORKDIR /srv/pages
COPY --from=between /between /srv/pages/own
COPY --from=pages /alone.txt /srv/pages/
COPY --from=pages /work/out/js/*.js /srv/pages/scripts/
CMD [\"python3\", \"-m\", \"http.server\", \"8000\"]
";
    let stage = project(dockerfile, COMPOSE);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    for path in ["own/page.txt", "own/js/page.js", "alone.txt", "scripts/page.js"] {
        assert_eq!(page(&stage, path), "fr first\n", "{path}");
    }
    assert!(!Path::new("/alone.txt").exists() && !Path::new("/work/out").exists());
    stage.assert_clean_tree();
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn a_build_that_fails_is_told_and_can_be_left_out() {
    if !has_views() {
        return;
    }
    let stage = project(OWN, COMPOSE);
    fs::write(stage.project().join("web/page.txt"), "bad\n").unwrap();
    stage.backlot(&["up", "-d", "--wait"]).output().assert(
        1,
        "",
        "    $ python3 manage.py collectstatic static/page.txt\n\
         error: `python3 manage.py collectstatic static/page.txt` for service web ([project]/compose.yaml:2:3) failed: it ended with \
         exit code 3; offline, it has only what is on this machine\n\
         \x20 help: its last lines were\n        page.txt:1: no such word\n\
         \x20       --no-install goes on without what it makes, --engine docker builds it in its image\n",
    );
    assert_eq!(built(&stage), 0);
    stage.backlot(&["up", "-d", "--wait", "-q", "--no-install"]).output().assert_code(0);
    stage.backlot(&["exec", "web", "test", "-e", "/app/static"]).output().assert_code(1);
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn what_a_killed_build_has_left_is_ended_by_the_next_one_of_other_files() {
    if !has_views() {
        return;
    }
    let stage = project(OWN, COMPOSE);
    let slow = "import subprocess; subprocess.run(['sleep', '300'])\n";
    fs::write(stage.project().join("web/manage.py"), slow).unwrap();
    let mut first = stage.backlot(&["up", "-d"]).start();
    let is_at_work = || (!stage.find_processes("sleep 300").is_empty()).then_some(());
    assert!(wait_for(LIMIT, is_at_work).is_some());
    first.kill().unwrap();
    fs::write(stage.project().join("web/manage.py"), MANAGE).unwrap();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert!(stage.find_processes("sleep 300").is_empty());
    let folders = fs::read_dir(stage.home().join("dependencies")).unwrap().flatten();
    assert_eq!(folders.filter(|entry| entry.path().is_dir()).count(), 1);
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn what_folders_of_the_users_hide_is_not_built_and_a_volume_begins_with_it() {
    if !has_views() {
        return;
    }
    let hidden = format!("{COMPOSE}    volumes: ['./web:/app']\n");
    let stage = project(OWN, &hidden);
    let plan = || stage.backlot(&["up", "--dry-run"]).output().assert_code(0).stdout;
    assert_eq!(plan(), "start web\n");
    let volume = format!("{COMPOSE}    volumes: ['static:/app/static']\nvolumes: {{static: }}\n");
    stage.file("compose.yaml", &volume);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_eq!(page(&stage, "/app/static/page.txt"), "en first\n");
    stage.backlot(&["exec", "web", "sh", "-c", "echo own > /app/static/own.txt"]).output().assert_code(0);
    fs::write(stage.project().join("web/page.txt"), "second\n").unwrap();
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    // As with Docker: a volume is filled once.
    assert_eq!(page(&stage, "/app/static/page.txt"), "en first\n");
    assert_eq!(page(&stage, "/app/static/own.txt"), "own\n");
    stage.backlot(&["down", "-v", "--yes", "-q"]).output().assert_code(0);
}

#[test]
fn what_is_watched_is_built_again() {
    if !has_views() {
        return;
    }
    let stage = project(OWN, COMPOSE);
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let mut run = stage.backlot(&["watch"]).start();
    let told = || fs::read_to_string(stage.root().join("stderr")).unwrap_or_default();
    let is_ready = || told().contains("watching ").then_some(());
    assert!(wait_for(LIMIT, is_ready).is_some(), "{}", told());
    fs::write(stage.project().join("web/page.txt"), "second\n").unwrap();
    let is_new = || (page(&stage, "/app/static/page.txt") == "en second\n").then_some(());
    assert!(wait_for(LIMIT, is_new).is_some(), "{}", told());
    run.signal(Signal::SIGINT).unwrap();
    assert!(run.wait(LIMIT).unwrap().is_some(), "{}", told());
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}

#[test]
fn what_cannot_be_built_here_is_named() {
    let dockerfile = OWN.replace("python3 manage.py collectstatic static/page.txt", "go build -o app .");
    let stage = project(&dockerfile, COMPOSE);
    if stage.run("sh", &["-c", "command -v go"]).output().code == 0 {
        return;
    }
    let up = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(0);
    let why = if has_views() { "no go is on PATH" } else { "this machine gives it no world of its own" };
    assert!(
        up.stderr.contains(&format!("runs `go build -o app .`, which is not done natively, as {why}")),
        "{up}"
    );
    stage.backlot(&["down", "-q"]).output().assert_code(0);
}
