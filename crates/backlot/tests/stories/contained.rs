//! Services that exist only as images, where no container engine answers, or one has a bad day.

use std::time::{Duration, Instant};

use backlot_testkit::{FakeDocker, Outcome, Stage};

use crate::BACKLOT;

const COMPOSE: &str = "\
services:
  web: {image: web, command: sleep 1000}
  adminer: {image: adminer, ports: ['18080:8080']}
  metrics: {image: 'company/metrics:1', depends_on: [adminer]}
";

/// The same with a process that needs a container.
fn needing() -> String {
    format!("{COMPOSE}  needs: {{image: web, command: sleep 1000, depends_on: [adminer]}}\n")
}

fn stage(compose: &str) -> Stage {
    let mut stage = Stage::empty(BACKLOT);
    stage.unset("BACKLOT_OFFLINE");
    stage.file("compose.yaml", compose);
    stage
}

/// `up` with this `docker` as the only one.
fn up(stage: &Stage, script: &str, arguments: &[&str]) -> Outcome {
    let docker = FakeDocker::on(stage, script);
    stage.backlot(&[&["up", "-d", "--wait", "-q"], arguments].concat()).env("PATH", docker.path()).output()
}

#[track_caller]
fn assert_says(outcome: &Outcome, parts: &[&str]) {
    for part in parts {
        assert!(outcome.stderr.contains(part), "no {part:?} in\n{outcome}");
    }
}

fn down(stage: &Stage) {
    stage.backlot(&["down", "-q"]).output().assert(0, "", "");
    stage.assert_nothing_left();
}

#[test]
fn what_nobody_needs_is_left_out_with_a_line_each() {
    let stage = stage(COMPOSE);
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let lines: Vec<&str> = up.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{up}");
    for (line, service, image) in [(lines[0], "adminer", "adminer"), (lines[1], "metrics", "company/metrics")]
    {
        let begin = format!(
            "  ⚠ service {service} has no command that can run natively (its image is {image}): it is left out"
        );
        assert!(line.starts_with(&begin), "{up}");
        assert!(
            line.contains("; as a container it does not run either: no container engine answers: "),
            "{up}"
        );
    }
    stage.backlot(&["ps", "-q"]).output().assert(0, "web-1", "");
    // Asked for by its name it is an error.
    let named = stage.backlot(&["up", "-d", "adminer"]).output().assert_code(1);
    assert_says(&named, &["error: service adminer has no command", "no container engine answers"]);
    down(&stage);
}

#[test]
fn what_is_built_and_has_its_command_from_an_image_is_left_out_with_what_only_it_needs() {
    let tests = "  browsers: {build: ./e2e, depends_on: [adminer, web]}\n";
    let stage = stage(&format!("{COMPOSE}{tests}"));
    stage.file("e2e/Dockerfile", "FROM company/browsers:1.2\nCOPY . /e2e\n");
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_says(
        &up,
        &[
            "service browsers has no command that can run natively (its image is built from company/browsers): it is left out",
        ],
    );
    stage.backlot(&["ps", "-q"]).output().assert(0, "web-1", "");
    stage.backlot(&["up", "-d", "browsers"]).output().assert_code(1);
    down(&stage);
}

#[test]
fn what_is_depended_on_is_an_error_that_names_both_unless_the_others_do_without() {
    let needs = "  app: {image: app, command: sleep 1000, depends_on: [adminer]}\n";
    let stage = stage(&format!("{COMPOSE}{needs}"));
    let failed = stage.backlot(&["up", "-d", "--wait"]).output().assert_code(1);
    assert_says(
        &failed,
        &[
            "service adminer has no command that can run natively (its image is adminer), and service app needs it",
            "no container engine answers",
            "`--without adminer`, or `x-backlot: {optional: true}` under it",
        ],
    );
    stage.assert_nothing_left();

    stage.backlot(&["up", "-d", "--wait", "-q", "--without", "adminer"]).output().assert_code(0);
    stage.backlot(&["ps", "-q"]).output().assert(0, "app-1\nweb-1", "");
    down(&stage);
    stage.backlot(&["up", "--without", "nobody"]).output().assert(
        2,
        "",
        "error: there is no service nobody (there are adminer, app, metrics, web)",
    );

    let optional = COMPOSE.replace("image: adminer,", "image: adminer, x-backlot: {optional: true},");
    stage.file("compose.yaml", format!("{optional}{needs}"));
    let up = stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    assert_says(&up, &["service adminer has no command", "it is left out"]);
    stage.backlot(&["ps", "-q"]).output().assert(0, "app-1\nweb-1", "");
    down(&stage);
}

#[test]
fn an_engine_that_says_nothing_is_waited_for_and_named() {
    let stage = stage(COMPOSE);
    let begun = Instant::now();
    let up = up(&stage, "sleep 100", &[]).assert_code(0);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_says(&up, &["docker said nothing for 5 s", "it is left out"]);
    down(&stage);
}

#[test]
fn an_image_that_cannot_be_pulled_harms_nothing() {
    let stage = stage(&needing());
    up(&stage, "exit 1", &["web"]).assert_code(0);
    let before = stage.backlot(&["--json", "ps"]).output().stdout;
    let script = "case \"$1\" in
version) echo 27.0;;
image) echo 'Error response from daemon: No such image: adminer' >&2; exit 1;;
pull) echo 'Pulling from library/adminer'; echo 'dial tcp: lookup registry: no such host' >&2; exit 1;;
*) echo \"$*\" >>asked; exit 1;;
esac";
    let failed = up(&stage, script, &[]).assert_code(1);
    assert_says(
        &failed,
        &[
            "error: service adminer: its image adminer cannot be pulled with docker",
            "dial tcp: lookup registry: no such host",
            "`--without adminer`",
        ],
    );
    assert!(!stage.project().join("asked").exists());
    let pid = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()[0]["replicas"][0]["pid"].clone()
    };
    assert_eq!(pid(&before), pid(&stage.backlot(&["--json", "ps"]).output().stdout));
    let dry = FakeDocker::on(&stage, script);
    let dry = stage.backlot(&["up", "--dry-run"]).env("PATH", dry.path()).output();
    dry.assert_prints("pull the image adminer\npull the image company/metrics:1\n…");
    let offline = up(&stage, script, &["--offline"]).assert_code(1);
    assert_says(&offline, &["its image adminer is not here, and nothing is to be fetched (--offline)"]);
    let never = needing().replace("image: adminer,", "image: adminer, pull_policy: never,");
    stage.file("compose.yaml", never);
    let failed = up(&stage, script, &[]).assert_code(1);
    assert_says(&failed, &["its image adminer is not here, and its pull_policy is `never`"]);
    down(&stage);
}

/// Whose line for a shell begins with a program of its image, or names one by a path that is none of the project's.
#[test]
fn what_only_an_image_has_for_a_shell_is_no_process() {
    let compose = "services:\n  web: {image: company/app, command: sh -c './app migrate && ./app'}\n";
    let stage = stage(compose);
    let up = |script: &str| up(&stage, script, &[]);
    let failed = up("exit 1").assert_code(1);
    assert_says(&failed, &["error: service web runs ./app of its image company/app, which is not there"]);
    // One beside it is not held up, and what is left out does not run.
    let other = "  other: {image: company/other, command: sh -c 'sleep 0.1; exec sleep 600'}\n";
    let late = "  late: {image: company/app, command: sh -c 'sleep 10; /app/late'}\n";
    let venv = "  venv: {image: company/venv, command: /opt/app/venv/bin/python3 -m http.server}\n";
    stage.file("compose.yaml", format!("{compose}{other}{late}{venv}"));
    let script =
        "case \"$1\" in version) echo 27.0;; image) echo 'No such image' >&2; exit 1;; *) exit 1;; esac";
    let up = up(script).assert_code(0);
    assert_says(
        &up,
        &[
            "web is left out",
            "late is left out",
            "venv is left out",
            "service late runs /app/late of its image company/app, which is not there",
        ],
    );
    stage.backlot(&["ps", "-q"]).output().assert(0, "other-1", "");
    down(&stage);
}

/// What a build packs is not here before it is built; a machine of its language alone does not make it a process.
#[test]
fn what_is_packed_in_a_build_is_no_process_without_it() {
    let stage = stage("services:\n  web: {build: .}\n  other: {image: x, command: sleep 600}\n");
    let dockerfile = "FROM jdk AS build\nWORKDIR /app\nCOPY . .\nRUN make-it\nFROM jre\nWORKDIR /srv\n\
                      COPY --from=build /app/target/*.jar app.jar\nENTRYPOINT [\"java\", \"-Xmx1g\", \"-jar\", \"app.jar\"]\n";
    stage.file("Dockerfile", dockerfile);
    let programs = FakeDocker::on(&stage, "exit 1");
    programs.program("java", "exec sleep 600");
    let up = || stage.backlot(&["up", "-d", "--wait", "-q"]).env("PATH", programs.path()).output();
    let said = [
        "service web runs /srv/app.jar, which is not there",
        "build or install /srv/app.jar, or say",
        "or run the rest: `backlot up other`",
    ];
    assert_says(&up().assert_code(1), &said);
    stage
        .file("out.jar", "")
        .file("Dockerfile", dockerfile.replace("--from=build /app/target/*.jar", "out.jar"));
    up().assert_code(0);
    stage.backlot(&["ps", "-q"]).output().assert(0, "other-1\nweb-1", "");
    down(&stage);
}

/// All that cannot be had is told at once, each image once; what is left out is told as well, and needs nothing more.
#[test]
fn all_images_that_cannot_be_pulled_are_told_at_once() {
    let stage = stage(
        "services:\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n  one: {image: company/one}\n  \
         again: {image: company/one, depends_on: [one]}\n  two: {image: company/two}\n  a: {image: company/a}\n  \
         b: {image: company/b, depends_on: [a]}\n  web: {image: web, command: sleep 600, depends_on: [again, two]}\n",
    );
    let script = "case \"$1\" in version) echo 27.0;; image) echo 'No such image' >&2; exit 1;; pull) echo $2 >>asked; exit 1;; esac";
    let dry = FakeDocker::on(&stage, script);
    let dry = stage.backlot(&["up", "--dry-run"]).env("PATH", dry.path()).output();
    assert_eq!(dry.stdout.matches("pull the image company/one").count(), 1, "{dry}");
    let failed = up(&stage, script, &[]).assert_code(1);
    let told = [
        "2 things are in the way:",
        "service again: its image company/one cannot be pulled",
        "service two: its image company/two cannot be pulled",
        "with docker: a is left out",
        "with docker: b is left out",
        "or run the rest: `backlot up db`",
    ];
    assert_says(&failed, &told);
    let asked = std::fs::read_to_string(stage.project().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 4, "{asked}");
    down(&stage);
}

#[test]
fn podman_is_taken_where_docker_does_not_answer() {
    let mut stage = stage(COMPOSE);
    stage.unset("BACKLOT_CONTAINERS");
    let docker = FakeDocker::on(&stage, "echo 'Cannot connect to the Docker daemon' >&2; exit 1");
    docker.program(
        "podman",
        "case \"$1\" in
info) echo true;;
image) echo \"Error: $3: image not known\" >&2; exit 125;;
pull) echo \"asked for $2\" >&2; exit 125;;
esac",
    );
    let up = stage.backlot(&["up", "-d"]).env("PATH", docker.path()).output().assert_code(0);
    // It knows no registry of its own.
    assert_says(&up, &["cannot be pulled with podman", "asked for docker.io/library/adminer"]);
    let other = stage.backlot(&["up", "-d", "-q"]).env("BACKLOT_CONTAINERS", "lxc").output().assert_code(0);
    assert_says(&other, &["BACKLOT_CONTAINERS is \"lxc\", which is neither docker nor podman"]);
    down(&stage);
}

/// Whoever wants nothing installed does not want it built into an image, either.
#[test]
fn no_image_is_built_in_the_place_of_packages_that_are_not_to_be_installed() {
    let stage = stage("services:\n  web: {build: ., command: some-program}\n");
    stage.file("Dockerfile", "FROM python:3\nRUN pip install some-program\n");
    let script = "case \"$1\" in\nversion) echo 27.0;;\n*) echo \"$*\" >>asked; exit 1;;\nesac";
    let failed = up(&stage, script, &["--no-install"]).assert_code(1);
    assert_says(&failed, &["error: service web runs some-program, which is not on PATH"]);
    assert!(!stage.project().join("asked").exists());
    stage.assert_nothing_left();
}

#[test]
fn no_engine_is_asked_where_nothing_is_a_container() {
    let stage = stage("services:\n  web: {image: web, command: sleep 1000}\n");
    let docker = FakeDocker::on(&stage, "echo \"$@\" >>\"$BACKLOT_HOME/../asked\"; exit 1");
    for arguments in [&["up", "-d", "--wait", "-q"][..], &["up", "-d", "-q"], &["ps", "-q"], &["down", "-q"]]
    {
        stage.backlot(arguments).env("PATH", docker.path()).output().assert_code(0);
    }
    let asked = stage.home().with_file_name("asked");
    assert!(!asked.exists(), "{}", std::fs::read_to_string(asked).unwrap());
    stage.assert_nothing_left();
}

#[test]
fn images_that_were_built_go_when_they_are_asked_to() {
    let stage = stage(
        "services:\n  web: {build: ., command: sleep 1000}\n  tagged: {build: ., image: mine, command: sleep 1000}\n  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}\n",
    );
    stage.file("Dockerfile", "FROM a\n");
    let script = "case \"$1 $2\" in\n'version '*) echo 27.0;;\n'image inspect') case \"$*\" in *mine*) echo 'Error: No such image' >&2; exit 1;; *) echo '[{\"Id\": \"a\", \"Config\": {}}]';; esac;;\n*) echo \"$*\" >>asked;;\nesac";
    let docker = FakeDocker::on(&stage, script);
    let asked = |kind: &str| {
        let _ = std::fs::remove_file(stage.project().join("asked"));
        stage.backlot(&["down", "--rmi", kind]).env("PATH", docker.path()).output().assert_code(0);
        std::fs::read_to_string(stage.project().join("asked")).unwrap()
    };
    let plan = stage.backlot(&["--dry-run", "down", "--rmi", "local"]).output().assert_code(0);
    assert!(plan.stdout.ends_with("remove the image project_development-web, if it is here\n"), "{plan}");
    assert_eq!(asked("local"), "image rm project_development-web\n");
    assert_eq!(asked("all"), "image rm postgres\nimage rm project_development-web\n");
    stage.backlot(&["down", "--rmi", "some"]).output().assert_code(2);
    stage.assert_nothing_left();
}

#[test]
fn commands_tests_and_scenarios_do_without_what_cannot_be_had_as_well() {
    let stack = "\
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}
  adminer: {image: adminer}
  app: {build: ., command: sleep 1000, depends_on: [db, adminer], x-backlot: {test: echo tested}}
";
    let stage = stage(stack);
    stage.file("Dockerfile", "FROM debian\nWORKDIR /app\nCOPY . .\n");
    let script = "case \"$1\" in
version) echo 27.0;;
image) echo 'Error response from daemon: No such image: adminer' >&2; exit 1;;
*) echo 'dial tcp: lookup registry: no such host' >&2; exit 1;;
esac";
    let docker = FakeDocker::on(&stage, script);
    let run = |words: &[&str]| stage.backlot(words).env("PATH", docker.path()).output();
    let failed = run(&["run", "app", "echo", "done"]).assert_code(1);
    assert_says(
        &failed,
        &["its image adminer cannot be pulled", "or leave the service out: `--without adminer`"],
    );
    run(&["run", "-q", "--without", "adminer", "app", "echo", "done"]).assert(0, "done", "…");
    run(&["down", "-q"]).assert_code(0);
    run(&["test"]).assert_code(1);
    run(&["test", "-q", "--without", "adminer"]).assert(0, "tested", "…");
    // A scenario is about its database.
    let up = run(&["scenario", "up", "it", "--empty"]).assert_code(0);
    assert_says(
        &up,
        &["only the database is started: service adminer", "leave the service out: `--without adminer`"],
    );
    run(&["scenario", "down", "it", "-q"]).assert_code(0);
    let up = run(&["scenario", "up", "it", "--empty", "--wait", "--without", "adminer"]).assert_code(0);
    assert_says(&up, &["✓ app-1 "]);
    run(&["scenario", "down", "it", "-q"]).assert_code(0);
    stage.assert_nothing_left();
}

/// A script that is handed what only a build makes runs nothing without it; why what is built is a container is told once for all.
#[test]
fn what_a_script_is_handed_of_a_build_is_no_process_without_it() {
    let service = "{build: ., entrypoint: [/app/start.sh], command: [/app/main]}";
    let stack = format!(
        "services:\n  worker: {service}\n  web: {service}\n  other: {{image: x, command: sleep 600}}\n"
    );
    let stage = stage(&stack);
    let dockerfile = "FROM golang AS builder\nWORKDIR /app\nCOPY . .\nRUN go build -o main main.go\nFROM alpine\n\
                      WORKDIR /app\nCOPY --from=builder /app/main .\nCOPY start.sh .\n";
    stage.file("Dockerfile", dockerfile).file("start.sh", "#!/bin/sh\nexec \"$@\"\n");
    let start = stage.project().join("start.sh");
    std::fs::set_permissions(&start, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let docker = FakeDocker::on(&stage, "exit 1");
    let up = |words: &[&str]| stage.backlot(&[&["up"], words].concat()).env("PATH", docker.path()).output();
    let said = "service web runs /app/main, which is not there";
    assert_says(&up(&["-d"]).assert_code(1), &[said, "backlot up other"]);
    let script = "case \"$1\" in\nversion) echo 27.0;;\nimage) echo 'No such image: x' >&2; exit 1;;\nesac";
    docker.program("docker", script);
    let dry = up(&["--dry-run"]).assert_code(0);
    assert_says(&dry, &[said, ": it runs as a container; ", "; so do worker, for the same reason"]);
    stage.assert_nothing_left();
}
