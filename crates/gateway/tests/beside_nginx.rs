//! The same bytes to the gateway and to a real nginx, from clients and from replicas: what comes of them is the same, or it is
//! said here why not.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exchanges;
mod support;

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use exchanges::{ANSWERS, BODIES, Exchange, REQUESTS};
use support::client::{Client, LONG, get};
use support::stage::Stage;

/// A running nginx in front of one replica.
struct Nginx {
    child: Child,
    addr: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that is free until nginx has it: not one of those that the system gives to whoever asks for any, as the replicas
/// and clients of the other tests do.
fn free_addr() -> SocketAddr {
    static TURN: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 1000).unwrap() * 2;
    loop {
        let port = 10_000 + (first + TURN.fetch_add(1, Ordering::Relaxed)) % 2000;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

impl Nginx {
    async fn before(replica: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let addr = free_addr();
        let configuration = folder.path().join("nginx.conf");
        fs::write(&configuration, configuration_of(folder.path(), addr, replica)).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own program")]
        let child = Command::new(program())
            .args(["-p".as_ref(), folder.path().as_os_str(), "-c".as_ref(), configuration.as_os_str()])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is needed to compare with");
        let nginx = Self { child, addr, _folder: folder };
        let there = async {
            while TcpStream::connect(addr).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, there).await.unwrap();
        nginx
    }
}

fn configuration_of(folder: &Path, addr: SocketAddr, replica: SocketAddr) -> String {
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        write!(temporary, "{kind}_temp_path {}/{kind};", folder.display()).unwrap();
    }
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
         events {{ worker_connections 256; }}
         http {{
             access_log off; {temporary}
             server {{
                 listen {addr};
                 location / {{
                     proxy_pass http://{replica};
                     proxy_http_version 1.1;
                     proxy_set_header Host $host;
                     proxy_set_header Connection \"\";
                 }}
             }}
         }}",
        folder = folder.display(),
    )
}

/// What a replica got, one text a request.
type Got = Arc<Mutex<Vec<String>>>;

/// Reads requests as their heads say, and answers them. What it takes for a request is what an application would.
async fn recorder() -> (SocketAddr, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, got) = (listener.local_addr().unwrap(), Got::default());
    let all = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(record(stream, Arc::clone(&all)));
        }
    });
    (addr, got)
}

async fn record(stream: TcpStream, got: Got) {
    let mut replica = Client::of(stream);
    while let Ok(request) = replica.read_request().await {
        let body = String::from_utf8_lossy(&request.body);
        let line = request.line.trim_end_matches(" HTTP/1.1");
        got.lock().unwrap().push(format!("{line} {body}"));
        if replica.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

/// The status of the first answer to these bytes; 0 if there is none.
async fn status_of(addr: SocketAddr, request: &str, step: usize) -> u16 {
    let mut client = Client::connect(addr).await.unwrap();
    for piece in request.as_bytes().chunks(step) {
        if client.send(piece).await.is_err() {
            break;
        }
        if step < request.len() {
            tokio::task::yield_now().await;
        }
    }
    let is_head = request.starts_with("HEAD ");
    let answer = timeout(Duration::from_secs(5), client.read_answer(is_head)).await;
    // And whatever else comes of it.
    let _ = client.stream.shutdown().await;
    let _ = timeout(Duration::from_secs(1), client.read_to_end()).await;
    answer.ok().and_then(Result::ok).map_or(0, |answer| answer.status)
}

/// Whether this is the nginx whose verdicts are written down; others were stricter or not as strict at times.
fn is_known() -> bool {
    static VERSION: OnceLock<bool> = OnceLock::new();
    *VERSION.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "a test's own program")]
        let version = Command::new(program()).arg("-v").output().expect("nginx is needed to compare with");
        String::from_utf8_lossy(&version.stderr).contains("/1.22.")
    })
}

fn program() -> &'static str {
    let places = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"];
    places.into_iter().find(|program| Path::new(program).exists()).unwrap_or("nginx")
}

/// What is wrong with an exchange: the statuses, and for an answer or a request on both sides what was handed on.
fn wrong(exchange: &Exchange, gateway: (u16, &[String]), nginx: (u16, &[String])) -> Option<String> {
    // What is said of nginx is what 1.22 does.
    let as_said = gateway.0 == exchange.gateway && (nginx.0 == exchange.nginx || !is_known());
    let is_same = exchange.why.is_some() || gateway.1 == nginx.1 || !is_known();
    (!as_said || !is_same)
        .then(|| format!("{:?}\n   gateway {gateway:?}\n   nginx   {nginx:?}", exchange.bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests() {
    let stage = Stage::new(0).await;
    let (by_gateway, got_by_gateway) = recorder().await;
    let (by_nginx, got_by_nginx) = recorder().await;
    stage.endpoint.add("web.1", by_gateway).unwrap();
    let nginx = Nginx::before(by_nginx).await;
    let mut all = Vec::new();
    for exchange in REQUESTS.iter().chain(BODIES) {
        for step in [usize::MAX, 5] {
            let statuses = (
                status_of(stage.addr(), exchange.bytes, step).await,
                status_of(nginx.addr, exchange.bytes, step).await,
            );
            let taken = |got: &Got| std::mem::take(&mut *got.lock().unwrap());
            let (here, there) = (taken(&got_by_gateway), taken(&got_by_nginx));
            all.extend(wrong(exchange, (statuses.0, &here), (statuses.1, &there)));
        }
    }
    assert!(all.is_empty(), "{} are not as said:\n{}", all.len(), all.join("\n"));
}

/// Answers every connection's first request with the same bytes and closes.
async fn answering(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && matches!(stream.read_buf(&mut request).await, Ok(1..)) {}
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            // Until the other side has read it.
            let _ = stream.read_to_end(&mut request).await;
        }
    });
    addr
}

/// Status and content of the last answer to a GET.
async fn answer_of(addr: SocketAddr) -> (u16, Vec<String>) {
    let mut client = Client::connect(addr).await.unwrap();
    client.send(get("/")).await.unwrap();
    let mut interim = Vec::new();
    loop {
        let answer = timeout(Duration::from_secs(5), client.read_answer(false)).await;
        match answer.ok().and_then(Result::ok) {
            Some(answer) if answer.status < 200 && answer.status != 101 => interim.push(answer.line),
            Some(answer) if answer.status < 500 => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                return (answer.status, [interim, vec![body]].concat());
            }
            Some(answer) => return (answer.status, Vec::new()),
            None => return (0, Vec::new()),
        }
    }
}

/// What is wrong with what comes of one answer.
async fn compared(exchange: &'static Exchange) -> Option<String> {
    let stage = Stage::new(0).await;
    let replica = answering(exchange.bytes.as_bytes()).await;
    stage.endpoint.add("web.1", replica).unwrap();
    let nginx = Nginx::before(replica).await;
    let (here, there) = (answer_of(stage.addr()).await, answer_of(nginx.addr).await);
    wrong(exchange, (here.0, &here.1), (there.0, &there.1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers() {
    let mut all = Vec::new();
    // nginx takes its time with some of them.
    for exchanges in ANSWERS.chunks(12) {
        let mut comparing = JoinSet::new();
        for exchange in exchanges {
            comparing.spawn(compared(exchange));
        }
        all.extend(comparing.join_all().await.into_iter().flatten());
    }
    assert!(all.is_empty(), "{} are not as said:\n{}", all.len(), all.join("\n"));
}
