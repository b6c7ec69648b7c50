//! Rollouts under load: nobody notices.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use backlot_testkit::{Stage, free_port, read_answer};

use crate::BACKLOT;
use crate::blog::{ps, replicas, wait_until};

const CLIENTS: usize = 50;
const REQUESTS: usize = 100_000;
const ROLLOUTS: usize = 20;

/// The page that is built beside the tests.
fn page() -> PathBuf {
    let named = std::env::var_os("BACKLOT_TEST_PAGE").map(PathBuf::from);
    let page = named.unwrap_or_else(|| Path::new(BACKLOT).with_file_name("examples").join("page"));
    assert!(page.exists(), "no {}: cargo build --package backlot --example page", page.display());
    page
}

/// A production of the page, scaled, behind nginx: the ports of nginx and of web's endpoint.
fn production() -> (Stage, u16, u16) {
    let stage = Stage::empty(BACKLOT);
    let (nginx, web) = (free_port(), free_port());
    stage.file("compose.yaml", compose(nginx, web, ""));
    let conf =
        std::fs::read_to_string(backlot_testkit::repository().join("examples/flask/docker/nginx/nginx.conf"));
    // A busy nginx need not write down a hundred thousand requests.
    stage.file("nginx.conf", conf.unwrap().replace("http {", "http {\n    access_log off;"));
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=3"]).output().assert(0, "", "…");
    (stage, nginx, web)
}

/// The Compose file of such a production; `more` are further lines of web.
fn compose(nginx: u16, web: u16, more: &str) -> String {
    format!(
        "services:\n  web:\n    image: page\n    command: {}\n    restart: always\n    ports: [\"{web}:8000\"]\n{more}  nginx:\n    \
         image: nginx\n    ports: [\"{nginx}:8080\"]\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n",
        page().display()
    )
}

/// Clients that ask without a pause, and what became of their requests.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    processes: Arc<Mutex<BTreeSet<String>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Half of the clients ask each port, half of them keep their connection, half of the requests are POSTs unless
    /// `reads_only`.
    fn start(ports: [u16; 2], reads_only: bool) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            failures: Arc::default(),
            processes: Arc::default(),
            clients: Vec::new(),
        };
        for client in 0..CLIENTS {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            let (failures, processes) = (Arc::clone(&load.failures), Arc::clone(&load.processes));
            let (port, keeps) = (ports[client % 2], client / 2 % 2 == 0);
            load.clients.push(thread::spawn(move || {
                let mut connection = None;
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let is_post = !reads_only && (number + client) % 2 == 0;
                    let sent = is_post.then(|| format!("{client}-{number}"));
                    match ask(&mut connection, port, sent.as_deref(), keeps) {
                        Ok(process) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                            processes.lock().unwrap().insert(process);
                        }
                        Err(failure) => {
                            connection = None;
                            let what = if is_post { "POST" } else { "GET" };
                            failures
                                .lock()
                                .unwrap()
                                .push(format!("{what} {port} (kept: {keeps}): {failure}"));
                        }
                    }
                }
            }));
        }
        load
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Lets so many more be answered.
    fn go_on(&self, requests: usize) {
        let before = self.answered();
        while self.answered() < before + requests {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many were answered, by how many processes; none may have failed.
    fn finish(self) -> (usize, usize) {
        self.finish_but(|_| false)
    }

    /// The same, but for failures that are meant to be.
    fn finish_but(self, is_meant: fn(&str) -> bool) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        let mut failures = self.failures.lock().unwrap();
        failures.retain(|failure| !is_meant(failure));
        let answered = self.answered.load(Ordering::Relaxed);
        let shown: Vec<&String> = failures.iter().take(10).collect();
        assert!(failures.is_empty(), "{} failed, {answered} were answered: {shown:#?}", failures.len());
        (answered, self.processes.lock().unwrap().len())
    }
}

/// One request; the process that has answered it.
fn ask(
    connection: &mut Option<BufReader<TcpStream>>,
    port: u16,
    posted: Option<&str>,
    keeps: bool,
) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let reader = if let Some(reader) = connection {
        reader
    } else {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(told)?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        connection.insert(BufReader::new(stream))
    };
    let (method, body) = posted.map_or(("GET", String::new()), |name| ("POST", format!("{name:<300}")));
    let wish = if keeps { "keep-alive" } else { "close" };
    let length = body.len();
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: page\r\nConnection: {wish}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    reader.get_mut().write_all(request.as_bytes()).map_err(told)?;
    let (head, answer) = read_answer(reader)?;
    if !keeps || head.contains("connection: close") {
        *connection = None;
    }
    let (process, read) = answer.split_once(' ').unwrap_or(("", ""));
    if head.starts_with("http/1.1 200") && read == length.to_string() {
        Ok(process.to_owned())
    } else {
        Err(format!("{}: {answer}", head.lines().next().unwrap_or_default()))
    }
}

#[test]
fn twenty_rollouts_drop_no_request() {
    let (stage, nginx, web) = production();
    let load = Load::start([nginx, web], false);
    let mut rollouts = 0;
    while rollouts < ROLLOUTS || load.answered() < REQUESTS {
        stage.backlot(&["restart", "--rolling", "-q", "web"]).output().assert_prints("");
        rollouts += 1;
    }
    let (answered, processes) = load.finish();
    assert!(answered >= REQUESTS);
    assert!(processes >= 3 * ROLLOUTS, "{processes} processes of {rollouts} rollouts have answered");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

/// The process of one of the replicas that are ready: another one in each round, so that none seems to die by itself.
fn ready_replica(stage: &Stage, round: usize) -> String {
    let replicas = replicas(&ps(stage, "development"), "web");
    let ready: Vec<_> = replicas.iter().filter(|replica| replica["health"] == "healthy").collect();
    ready[round % ready.len()]["pid"].to_string()
}

#[test]
fn killed_replicas_drop_no_get_and_double_no_post() {
    let (stage, nginx, web) = production();
    let posts = stage.root().join("tmp/posts");
    let more = format!("    environment: {{PAGE_POSTS: \"{}\"}}\n", posts.display());
    stage.file("compose.yaml", compose(nginx, web, &more));
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=3"]).output().assert(0, "", "…");
    let load = Load::start([nginx, web], false);
    let healthy = || {
        let all = replicas(&ps(&stage, "development"), "web");
        all.iter().filter(|replica| replica["health"] == "healthy").count()
    };
    for round in 0..6 {
        load.go_on(500);
        // One is left that answers: without any, nobody listens for those who ask by name.
        wait_until("another one is there", || healthy() > 1);
        stage.kill(&ready_replica(&stage, round));
    }
    wait_until("all are back", || healthy() == 3);
    load.go_on(500);
    // A POST that its replica died with is not for us to repeat.
    load.finish_but(|failure| failure.starts_with("POST ") && failure.contains("502"));
    let posts = std::fs::read_to_string(&posts).unwrap();
    let once: BTreeSet<&str> = posts.lines().collect();
    assert!(once.len() > 1000, "{} POSTs", once.len());
    assert_eq!(once.len(), posts.lines().count(), "a POST was sent twice");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}

#[test]
fn a_bad_release_is_noticed_by_no_client() {
    let (stage, nginx, web) = production();
    let load = Load::start([nginx, web], false);
    let before = stage.backlot(&["endpoints", "web"]).output().assert_code(0).stdout;
    let unwell = "    healthcheck: {test: \"echo too full; exit 1\", interval: 100ms, retries: 2}\n    environment: {RELEASE: \"2\"}\n";
    let dies = "    environment: {PAGE_DIES: \"1\"}\n";
    for (more, why, last_line) in [
        (unwell, "is unhealthy after 2 failed checks: exit code 1: too full", "listening on"),
        (dies, "exited with code 1", "no such table"),
    ] {
        load.go_on(500);
        stage.file("compose.yaml", compose(nginx, web, more));
        let failed = stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=3"]).output().assert_code(1);
        assert!(
            failed.stderr.contains(&format!("error: web was not replaced: the new web-4 {why}")),
            "{failed}"
        );
        assert!(failed.stderr.contains(last_line), "{failed}");
        load.go_on(500);
        assert_eq!(stage.backlot(&["endpoints", "web"]).output().assert_code(0).stdout, before);
    }
    load.finish();
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
