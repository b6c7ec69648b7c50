//! Containers beside processes: one stack of both, with Docker and with Podman.

use backlot_process::{ProcessId, Signal};
use backlot_testkit::{DockerStage, free_port, get, wait_until};

use crate::{compose, ps};

/// A server that tells what it is told, and asks others for `/ask?URL`.
const SERVER: &str = "\
FROM python:3
RUN mkdir /stuff && echo from the image >/stuff/own && chown -R 4711:4711 /stuff
COPY server.py /server.py
HEALTHCHECK --interval=1s CMD test -e /server.py
EXPOSE 8025
CMD [\"python3\", \"-u\", \"/server.py\", \"8025\"]
";
const PROGRAM: &str = "\
import http.server, os, sys, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith('/ask?'):
            text = urllib.request.urlopen('http://' + self.path[5:], timeout=10).read()
        else:
            text = (os.environ.get('WHO', 'nobody') + chr(10)).encode()
        self.send_response(200); self.send_header('content-length', str(len(text))); self.end_headers()
        self.wfile.write(text)
print('begins', flush=True)
http.server.ThreadingHTTPServer(('', int(sys.argv[1])), Handler).serve_forever()
";

/// A stage of a database, two processes with one port, and a service that is only an image.
fn stage(podman: bool) -> Option<(DockerStage, [u16; 3])> {
    let stage = compose("")?;
    let stage = if podman { stage.with_podman()? } else { stage };
    let [web, api, mail] = [0, 1, 2].map(|_| free_port());
    stage.file("image/server.py", PROGRAM);
    let image = stage.image("server", SERVER);
    stage.file("server.py", PROGRAM);
    let compose = format!(
        "\
services:
  db: {{image: postgres, environment: {{POSTGRES_PASSWORD: s3cret}}}}
  web:
    image: web
    command: python3 server.py 8000
    working_dir: /code
    environment: {{WHO: web}}
    volumes: ['.:/code', 'stuff:/seen']
    ports: ['{web}:8000']
    depends_on: [db]
  api:
    image: api
    command: python3 server.py 8000
    working_dir: /code
    environment: {{WHO: api}}
    volumes: ['.:/code']
    ports: ['{api}:8000']
  mail:
    image: {image}
    container_name: postman
    environment: {{WHO: mail, TOKEN: t0ken, LINES: \"a\\nb\"}}
    ports: ['{mail}:8025']
    volumes: ['stuff:/stuff']
    tmpfs: [/fast]
    init: true
    depends_on: [db]
    post_start: [{{command: [sh, -c, 'echo hooked >/fast/hook']}}]
volumes: {{stuff: {{}}}}
"
    );
    stage.file("compose.yaml", compose);
    Some((stage, [web, api, mail]))
}

fn body(port: u16, path: &str) -> String {
    get(port, path).unwrap().1
}

fn both_ways(podman: bool) {
    let Some((stage, [web, api, mail])) = stage(podman) else { return };
    let engine = if podman { "podman" } else { "docker" };
    let dry = stage.backlot(&["up", "--dry-run"]).output().assert_code(0);
    assert!(dry.stdout.contains("mail"), "{dry}");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert(0, "", "");
    let services = ps(&stage, "development");
    let engines: Vec<(&str, &str)> = services
        .iter()
        .map(|service| (service["service"].as_str().unwrap(), service["engine"].as_str().unwrap()))
        .collect();
    for pair in [("db", "native"), ("web", "native"), ("api", "native"), ("mail", engine)] {
        assert!(engines.contains(&pair), "{engines:?}");
    }
    stage.backlot(&["ps", "mail"]).output().assert_prints(&format!(
        "SERVICE…ENGINE…\nmail …running  healthy  {engine}  127.0.0.1:{mail}->8025…"
    ));

    // From outside, from a process to the container, and back to both that have one port.
    assert_eq!(body(mail, "/"), "mail\n");
    assert_eq!(body(web, "/ask?mail:8025/"), "mail\n");
    assert_eq!(body(web, "/ask?postman:8025/"), "mail\n");
    assert_eq!(body(mail, "/ask?web:8000/"), "web\n");
    assert_eq!(body(mail, "/ask?api:8000/"), "api\n");
    assert_eq!(body(api, "/ask?mail:8025/ask?web:8000/"), "web\n");
    let knock = "import socket; socket.create_connection(('db', 5432), 5); print('there')";
    stage.backlot(&["exec", "mail", "python3", "-c", knock]).output().assert_prints("there");

    // What it is told, and what it has.
    let exec = |line: &str| stage.backlot(&["exec", "mail", "sh", "-c", line]).output();
    exec("echo $WHO $TOKEN; echo \"$LINES\"; cat /fast/hook").assert_prints("mail t0ken\na\nb\nhooked");
    exec("exit 5").assert(5, "", "");
    exec("echo from the container >/stuff/more; stat -c %u /stuff/own").assert_code(0);
    let seen = stage.backlot(&["exec", "web", "cat", "/seen/more"]).output();
    if seen.code == 0 {
        seen.assert_prints("from the container");
    }
    stage
        .backlot(&["run", "--rm", "mail", "sh", "-c", "echo once as $WHO"])
        .output()
        .assert_prints("once as mail");
    let logs = stage.backlot(&["logs", "mail"]).output().assert_code(0);
    assert!(
        logs.stdout.lines().any(|line| line.starts_with("mail-1 ") && line.ends_with("| begins")),
        "{logs}"
    );
    // No secret is on a command line.
    let lines = stage.run("sh", &["-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).output().stdout;
    assert!(lines.contains("--env-file") && !lines.contains("t0ken"), "{lines}");

    stage.backlot(&["up", "--dry-run"]).output().assert(0, "", "");
    stage.backlot(&["scale", "mail=2", "-q"]).output().assert_code(0);
    stage.backlot(&["restart", "mail", "-q"]).output().assert_code(0);
    assert_eq!(body(mail, "/"), "mail\n");
    stage.backlot(&["down", "-q", "-v", "--yes"]).output().assert_prints("");
    stage.assert_nothing_left();
}

#[test]
fn processes_and_containers_of_docker_reach_each_other_by_name() {
    both_ways(false);
}

#[test]
fn processes_and_containers_of_podman_reach_each_other_by_name() {
    both_ways(true);
}

/// The processes of Backlot with this verb on a stage.
fn processes(stage: &DockerStage, verb: &str) -> Vec<ProcessId> {
    let home = stage.root().display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_it = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(verb) && line.contains(&home)
    };
    numbers.filter(is_it).filter_map(ProcessId::of).collect()
}

fn kill(processes: &[ProcessId]) {
    assert!(!processes.is_empty());
    for process in processes {
        process.signal(Signal::SIGKILL).unwrap();
    }
}

/// The names of the stage's containers, whoever has them.
fn containers(stage: &DockerStage) -> Vec<String> {
    let name = stage.name().to_owned();
    let list = stage.docker(&["ps", "--all", "--format", "{{.Names}}"]).stdout;
    list.lines()
        .filter(|line| line.starts_with(&name) || line.starts_with("[name]"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn whoever_is_killed_leaves_no_container_that_is_not_found_again() {
    let Some((stage, [_, _, mail])) = stage(false) else { return };
    let up = || stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    up();
    let first = containers(&stage);
    assert_eq!(first.len(), 1, "{first:?}");

    // The client alone: its container goes with it, and the next `up` has another one.
    kill(&processes(&stage, "docker run"));
    wait_until("the container is gone", || containers(&stage).is_empty());
    up();
    assert_eq!(body(mail, "/"), "mail\n");

    // The supervisor: its guard removes what is left.
    kill(&processes(&stage, "__supervisor"));
    wait_until("the container is gone", || containers(&stage).is_empty());
    up();

    // Both: whoever comes next.
    let both = [processes(&stage, "__guard"), processes(&stage, "__supervisor")].concat();
    kill(&both);
    assert_eq!(containers(&stage).len(), 1);
    up();
    assert_eq!((containers(&stage).len(), body(mail, "/").as_str()), (1, "mail\n"));
    kill(&[processes(&stage, "__guard"), processes(&stage, "__supervisor")].concat());

    // Whom to ask is known, whatever the PATH.
    let down = ["down", "-v", "--yes"];
    let down = stage.backlot(&down).env("PATH", "/nowhere").output().assert_code(0);
    assert!(!down.stderr.contains("may be left"), "{down}");
    stage.assert_nothing_left();
}

#[test]
fn what_the_engine_does_not_remove_is_told_and_goes_later() {
    let Some((stage, _)) = stage(false) else { return };
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let folders = std::fs::read_dir(stage.root().join("home/projects")).unwrap().flatten();
    let places = folders.map(|folder| folder.path().join("development/containers.json"));
    let place = places.into_iter().find(|place| place.exists()).unwrap();
    let text = std::fs::read_to_string(&place).unwrap();
    let mut noted: serde_json::Value = serde_json::from_str(&text).unwrap();
    noted["client"]["variables"]["DOCKER_HOST"] = "unix:///nowhere".into();
    std::fs::write(&place, noted.to_string()).unwrap();
    kill(&[processes(&stage, "__guard"), processes(&stage, "__supervisor")].concat());
    let down = stage.backlot(&["down"]).output().assert_code(0);
    let told = "containers of development may be left, and go with the next `down` when docker answers: ";
    assert!(down.stderr.contains(told), "{down}");
    assert_eq!(containers(&stage).len(), 1);
    std::fs::write(&place, text).unwrap();
    stage.backlot(&["down", "-q", "-v", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn another_checkout_has_containers_of_its_own() {
    let Some((stage, [_, _, mail])) = stage(false) else { return };
    let other = stage.root().join("other");
    std::fs::create_dir(&other).unwrap();
    for file in ["compose.yaml", "server.py"] {
        std::fs::copy(stage.project().join(file), other.join(file)).unwrap();
    }
    let there = other.display().to_string();
    let up = ["scenario", "up", "it", "-q"];
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    stage.backlot(&[&["-C", &there][..], &up].concat()).output().assert_code(0);
    wait_until("both have one", || containers(&stage).len() == 2);
    stage.backlot(&["-C", &there, "scenario", "down", "it", "-q"]).output().assert_code(0);
    assert_eq!((containers(&stage).len(), body(mail, "/").as_str()), (1, "mail\n"));
    stage.backlot(&["down", "-q", "-v", "--yes"]).output().assert_code(0);
    stage.assert_nothing_left();
}

#[test]
fn a_container_ends_as_its_image_says_and_what_cannot_start_says_why() {
    let Some(stage) = compose("") else { return };
    let image = stage.image("trap", "FROM debian:bookworm\nSTOPSIGNAL SIGUSR1\n");
    let trap = "trap 'echo told to end; exit 3' USR1; echo ready; while true; do sleep 0.1; done";
    let compose = format!(
        "services:
  good:
    image: {image}
    entrypoint: [/bin/bash, -c, \"{trap}\"]
    x-backlot: {{}}
  job: {{image: {image}, entrypoint: [/nowhere/program], profiles: [more]}}
"
    );
    stage.file("compose.yaml", compose.replace("/bin/bash", "/bin/../bin/bash"));
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_code(0);
    let job = stage.backlot(&["up", "-d", "--wait", "job"]).output().assert_code(1);
    assert!(job.stderr.contains("/nowhere/program"), "{job}");
    stage.backlot(&["down", "-q"]).output().assert_code(0);
    stage.assert_nothing_left();
}
