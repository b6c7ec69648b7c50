//! Replicas with habits of their own: they are written byte for byte here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::support::client::{Client, LONG, get, post};
use crate::support::stage::{Stage, until};

/// Answers the first `answers` requests of each connection with the same bytes, then closes it. Requests have no body.
/// Tells how many connections there were.
async fn replica(answers: usize, answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                for _ in 0..answers {
                    while !bytes.ends_with(b"\r\n\r\n") {
                        if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                            return;
                        }
                    }
                    bytes.clear();
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (addr, connections)
}

pub(crate) async fn stage(answers: usize, answer: &'static [u8]) -> (Stage, Arc<AtomicUsize>) {
    let stage = Stage::new(0).await;
    let (addr, connections) = replica(answers, answer).await;
    stage.endpoint.add("web.1", addr).unwrap();
    (stage, connections)
}

#[tokio::test]
async fn one_that_closes_after_each_answer_and_says_so() {
    let (stage, connections) =
        stage(1, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for request in [get("/"), post("/", "")].iter().cycle().take(20) {
        let answer = client.ask(request).await.unwrap();
        // It is the replica's connection that closes, not the client's.
        assert_eq!((answer.text(), answer.closes()), ("ok", false));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn one_that_closes_without_a_word() {
    // It closes while, or just before, the next request is on its way.
    let (stage, _) = stage(3, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for request in [get("/"), post("/", ""), get("/")].iter().cycle().take(3000) {
        let answer = client.ask(request).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
}

#[tokio::test]
async fn one_that_hangs_up_at_once() {
    // Sometimes before, sometimes after the request was written: it must never be waited for.
    let (stage, _) = stage(0, b"").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for request in [get("/"), post("/", "content")].iter().cycle().take(200) {
        assert_eq!(client.ask(request).await.unwrap().status, 502);
    }
}

#[tokio::test]
async fn what_cannot_be_repeated_shares_connections_of_a_replica_that_leaves_them_open() {
    let (stage, connections) = stage(1000, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let mut shared = 0;
    let deadline = Instant::now() + LONG;
    while shared < 3 {
        assert!(Instant::now() < deadline, "each of them has opened a connection");
        let before = connections.load(Ordering::SeqCst);
        assert_eq!(client.ask(&post("/", "")).await.unwrap().text(), "ok");
        shared += usize::from(connections.load(Ordering::SeqCst) == before);
        sleep(Duration::from_millis(15)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_repeated_is_not_lost_to_one_that_closes_without_a_word() {
    let (stage, connections) = stage(1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for (asked, pause) in [0, 0, 15, 15, 0, 0, 15].into_iter().cycle().take(100).enumerate() {
        assert_eq!(client.ask(&post("/", "")).await.unwrap().text(), "ok");
        assert_eq!(connections.load(Ordering::SeqCst), asked + 1);
        sleep(Duration::from_millis(pause)).await;
    }
}

#[tokio::test]
async fn one_whose_bodies_end_with_the_connection() {
    let (stage, _) =
        stage(1, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nas long as it lasts").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..3 {
        let answer = client.ask(get("/")).await.unwrap();
        assert_eq!(answer.text(), "as long as it lasts");
        assert_eq!(answer.line, "HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn one_that_says_too_much() {
    let (stage, _) = stage(
        9,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    )
    .await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..10 {
        // What was not asked for is nobody's answer.
        assert_eq!(client.ask(get("/")).await.unwrap().text(), "ok");
    }
    until("nothing is in flight", || stage.in_flight() == 0).await;
}

#[tokio::test]
async fn one_that_changes_protocols_unasked() {
    let (stage, _) =
        stage(1, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    assert_eq!(client.ask(get("/")).await.unwrap().status, 502);
}

#[tokio::test]
async fn what_was_begun_to_be_sent_is_no_next_request() {
    // A body is taken out of its frames where it lies. Were it read as a body again when the replica dies, these chunks'
    // content would end it and go on as a request of its own. With its frame a chunk has 64 bytes: pieces that are read at
    // once end with one.
    const CONTENT: &str = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    let chunks = format!("{:x}\r\n{CONTENT}\r\n", CONTENT.len()).repeat(1024);
    assert_eq!(chunks.len(), 64 * 1024);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::new(0).await;
    stage.endpoint.add("web.1", listener.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(stage.addr()).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let (mut replica, _) = listener.accept().await.unwrap();
    replica.read_exact(&mut [0; 40]).await.unwrap();
    // Until nobody takes any more: then all of the gateway's buffers are full.
    let (mut at, mut stuck) = (0, 0);
    while stuck < 50 {
        if let Ok(count) = client.try_write(&chunks.as_bytes()[at..]) {
            (at, stuck) = ((at + count) % chunks.len(), 0);
        } else {
            stuck += 1;
            sleep(Duration::from_millis(2)).await;
        }
    }
    drop(replica);
    let mut said = Vec::new();
    let served = tokio::select! {
        _ = client.read_to_end(&mut said) => None,
        served = listener.accept() => Some(served),
    };
    assert!(served.is_none(), "a replica was asked for what is in the body");
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{said}");
    assert!(said.contains("\r\nConnection: close\r\n"), "{said}");
    assert_eq!(said.matches("HTTP/1.1").count(), 1, "{said}");
}

#[tokio::test]
async fn one_whose_answer_comes_before_all_was_said_ends_the_connection() {
    // A long one goes on to the client while it comes; by its head the client knows what becomes of the connection.
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (stage, _) = stage(1, answer).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    let answer = client.read_answer(false).await.unwrap();
    assert_eq!((answer.text(), answer.closes()), ("ok", true));
    let answer = client.ask(get("/")).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn one_that_tells_two_ends_of_an_answer_is_asked_on_a_new_connection() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok",
    ] {
        let (stage, connections) = stage(9, answer).await;
        let mut client = Client::connect(stage.addr()).await.unwrap();
        for _ in 0..3 {
            assert!(!client.ask(get("/")).await.unwrap().closes());
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3);
    }
}
