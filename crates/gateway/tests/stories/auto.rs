//! An endpoint of which nobody has said what is spoken there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backlot_gateway::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::client::{Client, LONG, get, once};
use crate::support::stage::{Stage, until};

/// Longer than a client may be silent before a replica is connected to.
const SILENCE: Duration = Duration::from_millis(600);

async fn stage(replicas: usize) -> Stage {
    Stage::with(replicas, |config| config.kind = Kind::Auto).await
}

/// Says `first` to whoever connects, then sends back what it gets; and counts its connections.
async fn echo(first: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let _ = stream.write_all(first.as_bytes()).await;
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    (addr, count)
}

async fn talk(stream: &mut TcpStream, say: &[u8], expect: &[u8]) {
    stream.write_all(say).await.unwrap();
    let mut heard = vec![0; expect.len()];
    timeout(LONG, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, expect);
}

#[tokio::test]
async fn requests_are_balanced_one_by_one() {
    let stage = stage(2).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    // However slowly they come.
    for piece in ["\r\n", "GE", "T /head", "ers HTTP", "/1.1\r\nHost: shop.test\r\n\r\n"] {
        client.send(piece).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    let answer = client.read_answer(false).await.unwrap();
    assert!(answer.text().contains("x-forwarded-for: 127.0.0.1"), "{}", answer.text());
    for _ in 0..3 {
        assert_eq!(client.ask(get("/")).await.unwrap().status, 200);
    }
    until("four lines", || stage.log.lock().unwrap().len() == 4).await;
    let log = stage.log.lock().unwrap().clone();
    let given = |replica: &str| log.iter().filter(|line| line.ends_with(replica)).count();
    assert_eq!((given("web.1"), given("web.2")), (2, 2), "{log:?}");
}

#[tokio::test]
async fn the_server_may_speak_first() {
    let stage = stage(0).await;
    let (addr, _) = echo("220 ready\r\n").await;
    stage.endpoint.add("mail.1", addr).unwrap();
    for _ in 0..3 {
        let mut client = TcpStream::connect(stage.addr()).await.unwrap();
        talk(&mut client, b"", b"220 ready\r\n").await;
        talk(&mut client, b"EHLO a\r\n", b"EHLO a\r\n").await;
        assert_eq!(stage.in_flight(), 1);
        drop(client);
        until("it is over", || stage.in_flight() == 0).await;
    }
}

#[tokio::test]
async fn the_client_may_speak_first_in_whatever_protocol() {
    let stage = stage(0).await;
    let (addr, _) = echo("").await;
    stage.endpoint.add("echo.1", addr).unwrap();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for words in [&b"PING\r\n"[..], hello, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\0"] {
        let mut client = TcpStream::connect(stage.addr()).await.unwrap();
        talk(&mut client, words, words).await;
        talk(&mut client, b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n").await;
    }
    // One that took its time, and one that has nothing to say but listens.
    let mut client = TcpStream::connect(stage.addr()).await.unwrap();
    sleep(SILENCE).await;
    talk(&mut client, b"late", b"late").await;
    let mut client = TcpStream::connect(stage.addr()).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_waits_for_a_client_that_is_silent() {
    let stage = stage(1).await;
    let mut silent = Client::connect(stage.addr()).await.unwrap();
    sleep(SILENCE).await;
    // A replica that leaves is not kept by it, and what it says at last goes to another one.
    let drained = stage.endpoint.drain(&"web.1".into(), LONG).unwrap();
    let (addr, _) = echo("").await;
    stage.endpoint.add("web.2", addr).unwrap();
    let drained = drained.await;
    assert_eq!(drained.in_flight, 0);
    assert!(drained.took < LONG / 2, "{drained:?}");
    sleep(SILENCE).await;
    talk(&mut silent.stream, b"hello", b"hello").await;
}

#[tokio::test]
async fn a_replica_that_speaks_http_is_not_bothered_with_silent_clients() {
    let stage = stage(1).await;
    let mut early = Client::connect(stage.addr()).await.unwrap();
    sleep(SILENCE).await;
    assert_eq!(once(stage.addr(), &get("/")).await.unwrap().status, 200);
    // From here on it is known what is spoken; a second replica only counts.
    let (addr, connections) = echo("").await;
    stage.endpoint.add("web.2", addr).unwrap();
    let _silent: Vec<_> = [Client::connect(stage.addr()).await, Client::connect(stage.addr()).await].into();
    sleep(SILENCE).await;
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    stage.endpoint.remove(&"web.2".into()).unwrap();
    let answer = early.ask(get("/headers")).await.unwrap();
    assert!(answer.text().contains("x-forwarded-for: 127.0.0.1"), "{}", answer.text());
}

#[tokio::test]
async fn what_is_nearly_http_is_refused_and_not_handed_on() {
    let stage = stage(1).await;
    let refused = [
        "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for request in refused {
        assert_eq!(once(stage.addr(), request).await.unwrap().status, 400, "{request:?}");
    }
    assert_eq!(stage.backends[0].requests(), 0);
    // Where HTTP was answered before, any other line is a bad request, too.
    assert_eq!(once(stage.addr(), &get("/")).await.unwrap().status, 200);
    for request in ["GET /\r\n", "GET\r\n\r\n", "hello\r\n\r\n"] {
        assert_eq!(once(stage.addr(), request).await.unwrap().status, 400, "{request:?}");
    }
    assert_eq!(stage.backends[0].requests(), 1);
}
