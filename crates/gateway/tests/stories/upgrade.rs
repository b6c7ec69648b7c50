//! Connections that change protocols, as a WebSocket does.

use std::time::Duration;

use crate::support::client::{Client, LONG, get};
use crate::support::stage::{Stage, until};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

#[tokio::test]
async fn bytes_pass_both_ways_and_count_as_in_flight() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    // The first bytes of the new protocol may come with the request.
    client.send(format!("{ASK}early ")).await.unwrap();
    let head = client.read_head().await.unwrap();
    assert_eq!(head.status, 101);
    assert_eq!(head.headers["upgrade"], "echo");
    assert_eq!(head.headers["connection"], "upgrade");
    assert_eq!(head.headers["x-key"], "1");
    client.send("bird").await.unwrap();
    assert_eq!(client.read_exactly(10).await.unwrap(), b"early bird");

    let drained = stage.endpoint.drain(&"web.1".into(), LONG).unwrap();
    let drained = tokio::spawn(drained);
    let much = "z".repeat(1 << 20);
    let (mut reader, mut writer) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut writer, much.as_bytes()).await.unwrap();
        writer
    });
    let mut back = vec![0; 1 << 20];
    tokio::io::AsyncReadExt::read_exact(&mut reader, &mut back).await.unwrap();
    assert!(!drained.is_finished());
    assert_eq!(stage.in_flight(), 1);
    drop((reader, sending.await.unwrap()));
    assert_eq!(drained.await.unwrap().in_flight, 0);
    until("a line", || !stage.log.lock().unwrap().is_empty()).await;
    let line = stage.log.lock().unwrap()[0].clone();
    assert!(line.contains("\"GET /ws HTTP/1.1\" 101 1048586 "), "{line}");
}

#[tokio::test]
async fn a_replica_that_does_not_change_is_just_answered_for() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let request = ASK.replace("/ws", "/");
    for _ in 0..2 {
        assert_eq!(client.ask(&request).await.unwrap().text(), "hello");
    }
    // HTTP/2 would hide what comes after it.
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let answer = client.ask(ASK.replace("/ws", "/headers").replace("echo", "h2c")).await.unwrap();
    assert!(!answer.text().contains("upgrade"), "{}", answer.text());
    assert_eq!(client.ask(get("/")).await.unwrap().text(), "hello");
}

#[tokio::test]
async fn removing_the_replica_ends_it() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(ASK).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 101);
    stage.endpoint.remove(&"web.1".into()).unwrap();
    assert_eq!(client.read_to_end().await.unwrap_or_default(), b"");
}

#[tokio::test]
async fn closing_cuts_it_after_the_grace_period() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(ASK).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 101);
    assert_eq!(stage.gateway.shutdown(Duration::from_millis(20)).await.cut, 1);
    assert_eq!(client.read_to_end().await.unwrap_or_default(), b"");
}
