//! Docker as it is on bad days: missing, silent, forbidden, talking nonsense.

use std::time::{Duration, Instant};

use backlot_process::Signal;
use backlot_testkit::{FakeDocker, Outcome, Stage};

use crate::{BACKLOT, seed};

/// Runs `--engine docker scenario up it` with this `docker`; it has to fail, and to leave nothing.
fn refused(stage: &Stage, docker: &FakeDocker) -> Outcome {
    let run = stage.backlot(&["--engine", "docker", "scenario", "up", "it"]).env("PATH", docker.path());
    let outcome = run.output().assert_code(1);
    assert_eq!(outcome.stdout, "", "{outcome}");
    stage.assert_nothing_left();
    outcome
}

/// The error and its way out.
fn says(script: &str) -> String {
    let stage = seed();
    let docker = FakeDocker::on(&stage, script);
    refused(&stage, &docker).stderr
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn without_docker() {
    let stage = seed();
    let docker = FakeDocker::on(&stage, "");
    docker.without_docker();
    refused(&stage, &docker).assert(
        1,
        "",
        "error: no docker is on PATH\n  help: install Docker…, or leave --engine docker out",
    );
}

#[test]
fn without_a_daemon() {
    let said = says(
        "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1",
    );
    assert_says(&said, &["error: no Docker daemon answers", "help: start it"]);
}

#[test]
fn with_a_daemon_for_others() {
    let said = says(
        "echo 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: connect: permission denied' >&2; exit 1",
    );
    assert_says(&said, &["may not be used by this user", "usermod -aG docker"]);
}

#[test]
fn without_compose() {
    let said = says("case \"$1\" in compose) echo 'unknown command' >&2; exit 1;; *) exit 0;; esac");
    assert_says(&said, &["neither `docker compose` nor docker-compose is installed", "help: install it"]);
}

#[test]
fn that_talks_nonsense() {
    let said = says("case \"$1\" in ps) echo abc123;; inspect) echo '<html>503</html>';; *) exit 0;; esac");
    assert_says(&said, &["docker inspect printed what is no description of containers", "<html>"]);
    let said = says("case \"$1\" in ps) echo 'no list at all';; *) exit 0;; esac");
    assert_says(&said, &["docker ps printed what is no list of containers"]);
}

#[test]
fn that_fails_in_its_own_words() {
    let said = says(
        "case \"$*\" in *version*) exit 0;; compose*) echo 'the disk is on fire' >&2; exit 3;; *) exit 0;; esac",
    );
    assert_says(&said, &["docker compose up failed with exit code 3", "the disk is on fire"]);
}

#[test]
fn that_starts_nothing() {
    // It says that all went well, and there is no container.
    let said = says("exit 0");
    assert_says(&said, &["no service db of scenario_it is up"]);
}

#[test]
fn an_up_that_hangs_ends_with_ctrl_c_and_leaves_nothing() {
    let stage = seed();
    let script = "case \"$1\" in compose) case \"$*\" in *version*) exit 0;; esac; echo begun >> \"$BEGUN\"; sleep 600;; *) exit 0;; esac";
    let docker = FakeDocker::on(&stage, script);
    let begun = stage.root().join("begun");
    let run = stage.backlot(&["--engine", "docker", "scenario", "up", "it"]).env("PATH", docker.path());
    let mut child = run.env("BEGUN", begun.display().to_string()).start();
    let start = Instant::now();
    while !begun.exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "Compose was not run");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.signal(Signal::SIGINT).unwrap();
    let status = child.wait(Duration::from_secs(20)).unwrap().expect("it goes on");
    assert_eq!(status.code(), Some(130));
    stage.assert_nothing_left();
}

#[test]
fn compose_is_called_as_one_would_type_it() {
    let stage = seed();
    let script =
        "case \"$*\" in *version*) exit 0;; esac\necho \"$@\"\necho \"$POSTGRES_DB in $PWD\"\nexit 7";
    let docker = FakeDocker::on(&stage, script);
    let line = ["-e", "production", "compose", "up", "-d", "--scale", "web=3"];
    stage.backlot(&line).env("PATH", docker.path()).output().assert(
        7,
        "compose -p production -f [project]/docker/production.yml up -d --scale web=3\npostgres in [project]",
        "",
    );
    // From wherever one stands, `${PWD}` in the files is the project.
    let inside = stage.project().join("docker");
    let line = ["--profile", "debug", "compose", "ps"];
    let run = stage.backlot(&line).env("PATH", docker.path()).env("APPLICATION_CONFIG", "testing");
    run.within(inside).output().assert(
        7,
        "compose -p testing -f [project]/docker/testing.yml --profile debug ps\npostgres in [project]",
        "",
    );
    stage
        .backlot(&["-e", "testing", "--dry-run", "compose", "logs", "-f"])
        .env("PATH", docker.path())
        .output()
        .assert_prints(
            "[stage]/fake/docker/docker compose -p testing -f [project]/docker/testing.yml logs -f",
        );
}

/// Compose watches what the file says, and nothing else.
#[test]
fn compose_watches_where_it_runs_the_services() {
    let stage = Stage::empty(BACKLOT);
    let file = |more: &str| {
        stage.file("compose.yaml", format!("name: shop\nservices:\n  web:\n    image: app\n{more}"))
    };
    let docker = FakeDocker::on(&stage, "exit 0");
    let watch = |words: &[&str]| {
        let words: Vec<&str> = ["--engine", "docker"].iter().chain(words).copied().collect();
        stage.backlot(&words).env("PATH", docker.path()).output()
    };
    file("");
    for words in [&["--dry-run", "watch"][..], &["up", "--watch"]] {
        let refused = watch(words).assert_code(1);
        assert!(refused.stderr.contains("error: no service has develop.watch"), "{refused}");
    }
    file("    develop: {watch: [{path: ., action: restart}]}\n");
    let line =
        "[stage]/fake/docker/docker compose -p shop_development -f [project]/compose.yaml watch --no-up web";
    watch(&["--dry-run", "watch", "web"]).assert_prints(line);
}

/// What is made for one command alone is gone after it, and its exit code is ours.
#[test]
fn a_service_runs_once_by_compose() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "name: shop\nservices:\n  web: {image: app, depends_on: [cache]}\n  cache: {image: redis}\n",
    );
    let script = "case \"$*\" in *' run '*) echo \"$@\"; exit 7;; *) exit 0;; esac";
    let docker = FakeDocker::on(&stage, script);
    let run = |words: &[&str]| {
        let words: Vec<&str> = ["--engine", "docker", "-q", "run"].iter().chain(words).copied().collect();
        stage.backlot(&words).env("PATH", docker.path()).output()
    };
    let called =
        "compose -p shop_development -f [project]/compose.yaml run --rm --name shop_development-web-run-…";
    let once = run(&["--no-deps", "-w", "/srv", "web", "ls", "a b"]);
    once.assert(7, &format!("{called} --no-deps -T --workdir /srv web ls a b"), "");
    stage.assert_nothing_left();
    run(&["--rm", "web"]).assert(7, &format!("{called} -T web"), "");
    stage
        .backlot(&["--engine", "docker", "down", "-q"])
        .env("PATH", docker.path())
        .output()
        .assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn the_first_version_is_taken_where_there_is_no_second() {
    let stage = seed();
    let docker = FakeDocker::on(&stage, "exit 1");
    docker.program("docker-compose", "echo first \"$@\"");
    stage
        .backlot(&["-e", "testing", "compose", "ps"])
        .env("PATH", docker.path())
        .output()
        .assert_prints("first -p testing -f [project]/docker/testing.yml ps");
}

#[test]
fn files_of_the_compose_layout_are_all_named() {
    let stage = Stage::empty(BACKLOT);
    stage.file(
        "compose.yaml",
        "services:\n  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n",
    );
    stage.file("compose.staging.yaml", "services:\n  db:\n    restart: always\n");
    stage.file(".env", "A=1\n").file(".env.staging", "A=2\n");
    let docker = FakeDocker::on(&stage, "case \"$*\" in *version*) exit 0;; esac\necho \"$@\" \"A=$A\"");
    let project = "compose -p project_staging -f [project]/compose.yaml -f [project]/compose.staging.yaml";
    stage
        .backlot(&["-e", "staging", "compose", "config"])
        .env("PATH", docker.path())
        .output()
        .assert_prints(&format!("{project} config A=2"));
}

#[test]
fn a_stack_that_cannot_run_here_says_why_when_no_daemon_answers() {
    let stage = seed();
    stage.file(
        "docker/testing.yml",
        "services:\n  queue:\n    image: rabbitmq\n  db:\n    image: postgres\n    environment: {POSTGRES_PASSWORD: x}\n",
    );
    let docker = FakeDocker::on(&stage, "echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    let outcome = stage.backlot(&["-e", "testing", "up", "-d", "queue"]).env("PATH", docker.path()).output();
    let outcome = outcome.assert_code(1);
    assert_says(&outcome.stderr, &["queue", "docker/testing.yml:2:", "x-backlot", "Cannot connect"]);
    stage.assert_nothing_left();
}

#[test]
fn what_docker_would_not_run_either_is_told_as_the_projects_own() {
    let stage = Stage::empty(BACKLOT);
    stage.file("start.sh", "#!/bin/sh\nexec sleep 5\n");
    let docker = FakeDocker::on(&stage, "exit 0");
    let up = |db: &str, web: &str| {
        let compose = format!("services:\n  db: {{image: postgres{db}}}\n  web: {{{web}}}\n");
        stage.file("compose.yaml", compose);
        stage.backlot(&["up", "-d", "--dry-run"]).env("PATH", docker.path()).output()
    };
    let password = ", environment: {POSTGRES_PASSWORD: x}";
    for (db, web, error) in [
        ("", "image: postgres, profiles: [more]", "service db has no POSTGRES_PASSWORD"),
        (password, "build: nowhere", "/nowhere/Dockerfile, which cannot be read: "),
        (
            password,
            "image: debian, volumes: ['.:/code'], command: /code/start.sh",
            "/start.sh, which is not executable",
        ),
    ] {
        let outcome = up(db, web).assert_code(1);
        assert_says(&outcome.stderr, &[error, "  help: "]);
        assert!(!outcome.stderr.contains("on Docker"), "{outcome}");
    }
    // What only this machine lacks, Docker may have.
    stage.file("start.sh", "#!/nowhere/fish\n");
    let start = stage.project().join("start.sh");
    std::fs::set_permissions(&start, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = up(password, "image: debian, volumes: ['.:/code'], command: /code/start.sh");
    assert_says(&outcome.stderr, &["  · on Docker: service web runs", "begins with #!/nowhere/fish"]);
    stage.assert_nothing_left();
}
