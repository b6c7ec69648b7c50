//! Rollouts under load: nobody notices.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use backlot_testkit::{Stage, free_port};

use crate::BACKLOT;

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
    stage.file(
        "compose.yaml",
        format!(
            "services:\n  web:\n    image: page\n    command: {}\n    restart: always\n    ports: [\"{web}:8000\"]\n  nginx:\n    image: nginx\n    \
             ports: [\"{nginx}:8080\"]\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n",
            page().display()
        ),
    );
    let conf =
        std::fs::read_to_string(backlot_testkit::repository().join("examples/flask/docker/nginx/nginx.conf"));
    // A busy nginx need not write down a hundred thousand requests.
    stage.file("nginx.conf", conf.unwrap().replace("http {", "http {\n    access_log off;"));
    stage.backlot(&["up", "-d", "--wait", "-q", "--scale", "web=3"]).output().assert(0, "", "…");
    (stage, nginx, web)
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
                    match ask(&mut connection, port, is_post, keeps) {
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

    /// How many were answered, by how many processes; none may have failed.
    fn finish(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        let failures = self.failures.lock().unwrap();
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
    posts: bool,
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
    let (method, body) = if posts { ("POST", "x".repeat(300)) } else { ("GET", String::new()) };
    let wish = if keeps { "keep-alive" } else { "close" };
    let length = body.len();
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: page\r\nConnection: {wish}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    reader.get_mut().write_all(request.as_bytes()).map_err(told)?;
    let (mut expected, mut closes, mut status) = (0, !keeps, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).map_err(told)? == 0 {
            return Err("closed before the answer was whole".into());
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if status.is_empty() {
            status.clone_from(&line);
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            expected = value.trim().parse().map_err(|_| line.clone())?;
        }
        closes |= line == "connection: close";
    }
    let mut answer = vec![0; expected];
    reader.read_exact(&mut answer).map_err(told)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    if closes {
        *connection = None;
    }
    let (process, read) = answer.split_once(' ').unwrap_or(("", ""));
    if status.starts_with("http/1.1 200") && read == length.to_string() {
        Ok(process.to_owned())
    } else {
        Err(format!("{status}: {answer}"))
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

#[test]
fn killed_replicas_drop_no_get() {
    let (stage, nginx, web) = production();
    let load = Load::start([nginx, web], true);
    for _ in 0..5 {
        let before = load.answered();
        while load.answered() < before + 500 {
            thread::sleep(Duration::from_millis(5));
        }
        let services = stage.backlot(&["ps", "--json", "web"]).output().assert_code(0);
        let services: serde_json::Value = serde_json::from_str(&services.stdout).unwrap();
        let running =
            services[0]["replicas"].as_array().unwrap().iter().find(|replica| replica["health"] == "healthy");
        stage.kill(&running.unwrap()["pid"].to_string());
    }
    load.finish();
    stage.backlot(&["wait", "web", "-q"]).output().assert_prints("");
    stage.backlot(&["down", "-q"]).output().assert_prints("");
}
