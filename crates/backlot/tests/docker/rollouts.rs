//! Replicas that come and go behind nginx, under load.

use backlot_testkit::{DockerStage, free_port};

use crate::load::Load;
use crate::{change, compose, compose_1, ps, replicas, wait_until};

/// A page that tells which container has answered and how much it was sent. Told to stop, it drops what it is doing:
/// whoever stops it has to see to it that it does nothing.
const PAGE: &str = r#"
import http.server, os, signal, socket, time

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        read = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(0.03)
        answer = f"{socket.gethostname()} {len(read)}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer.request_queue_size = 256
print(f"release {os.environ['RELEASE']}", flush=True)
http.server.ThreadingHTTPServer(("", 8000), Page).serve_forever()
"#;

/// The page behind the example's nginx: the stage and nginx' port.
fn pages(compose: fn(&str) -> Option<DockerStage>) -> Option<(DockerStage, u16)> {
    let port = free_port();
    let stage = compose(&format!(
        "services:\n\
         \x20 web:\n    image: python:3\n    command: [python, /page.py]\n    expose: [\"8000\"]\n\
         \x20   environment: {{RELEASE: one}}\n    volumes: [\"./page.py:/page.py:ro\"]\n\
         \x20 nginx:\n    image: nginx\n    ports: [\"127.0.0.1:{port}:8080\"]\n\
         \x20   volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n"
    ))?;
    let conf = backlot_testkit::repository().join("examples/flask/docker/nginx/nginx.conf");
    stage.file("page.py", PAGE).file("nginx.conf", std::fs::read_to_string(conf).unwrap());
    Some((stage, port))
}

/// The processes of web's replicas.
fn pids(stage: &DockerStage) -> Vec<u64> {
    let replicas = replicas(&ps(stage, "development"), "web");
    replicas.iter().map(|replica| replica["pid"].as_u64().unwrap()).collect()
}

#[test]
fn scaling_and_rollouts_lose_no_request_and_every_replica_gets_some() {
    let Some((stage, port)) = pages(compose) else { return };
    stage.on_docker(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    let load = Load::on(port);
    load.wait_for(200);

    stage.backlot(&["scale", "-q", "web=3"]).output().assert_prints("");
    assert!(load.take().failures.is_empty());
    load.wait_for(600);
    let came = load.take();
    assert_eq!(came.answered.len(), 3, "{came:?}");
    assert!(came.answered.values().all(|count| *count > came.total() / 6), "{came:?}");

    let before = pids(&stage);
    stage.backlot(&["restart", "--rolling", "-q", "web"]).output().assert_prints("");
    assert!(pids(&stage).iter().all(|pid| !before.contains(pid)));
    load.wait_for(200);

    stage.backlot(&["scale", "-q", "web=2"]).output().assert_prints("");
    load.wait_for(200);

    change(&stage, "compose.yaml", "RELEASE: one", "RELEASE: two");
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_prints("");
    load.wait_for(200);
    let came = load.finish();
    assert!(came.total() > 1000, "{came:?}");
    assert!(came.sent_again < came.total() / 20, "{came:?}");
    let logs = stage.backlot(&["logs", "web"]).output().assert_code(0).stdout;
    assert_eq!(logs.matches("release two").count(), 2, "{logs}");
    assert!(!logs.contains("release one"), "{logs}");
    one_that_has_died_is_made_up_for(&stage, port);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

/// One replica of two is killed: scaling to as many starts it again, and a rollout replaces it.
fn one_that_has_died_is_made_up_for(stage: &DockerStage, port: u16) {
    for arguments in [&["scale", "-q", "web=2"][..], &["restart", "--rolling", "-q", "web"]] {
        stage.kill(&pids(stage)[1].to_string());
        wait_until("it is seen", || {
            let replicas = replicas(&ps(stage, "development"), "web");
            replicas.iter().any(|replica| replica["state"] == "failed")
        });
        stage.backlot(arguments).output().assert_prints("");
        assert_eq!(pids(stage).len(), 2);
        let load = Load::on(port);
        load.wait_for(50);
        assert_eq!(load.finish().answered.len(), 2);
    }
}

#[test]
fn a_release_that_dies_at_start_leaves_the_old_one() {
    let Some((stage, port)) = pages(compose) else { return };
    stage.on_docker(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_prints("");
    let before = pids(&stage);
    let load = Load::on(port);
    change(&stage, "compose.yaml", "RELEASE: one", "ELEASE: two");
    for arguments in [&["up", "-d", "--wait", "--scale", "web=2"][..], &["restart", "--rolling", "web"]] {
        let failed = stage.backlot(arguments).output().assert_code(1);
        assert!(failed.stderr.contains("error: web ended with exit code 1"), "{failed}");
        assert!(failed.stderr.contains("KeyError: 'RELEASE'"), "{failed}");
        assert_eq!(pids(&stage), before);
    }
    load.wait_for(200);
    assert_eq!(load.finish().answered.len(), 2);
    change(&stage, "compose.yaml", "ELEASE: two", "RELEASE: two");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(pids(&stage).len(), 1);
    assert!(!before.contains(&pids(&stage)[0]));
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn with_compose_1() {
    let Some((stage, port)) = pages(compose_1) else { return };
    stage.on_docker(&["up", "-d", "--wait", "-q", "--scale", "web=2"]).output().assert_prints("");
    let names =
        stage.docker(&["ps", "--format", "{{.Names}}", "--filter", &format!("name={}", stage.name())]);
    assert!(names.stdout.contains("_web_2"), "{names}");
    let load = Load::on(port);
    let before = pids(&stage);
    stage.backlot(&["restart", "--rolling", "-q", "web"]).output().assert_prints("");
    assert!(pids(&stage).iter().all(|pid| !before.contains(pid)));
    change(&stage, "compose.yaml", "RELEASE: one", "RELEASE: two");
    stage.backlot(&["up", "-d", "--wait", "-q"]).output().assert_prints("");
    assert_eq!(pids(&stage).len(), 1);
    load.wait_for(100);
    load.finish();
    let logs = stage.backlot(&["logs", "web"]).output().assert_code(0).stdout;
    assert!(logs.contains("release two") && !logs.contains("release one"), "{logs}");
    stage.backlot(&["compose", "ps", "-q", "web"]).output().assert_code(0);
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
