//! An endpoint of bytes.

use std::net::SocketAddr;
use std::time::Duration;

use backlot_gateway::{Kind, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::client::LONG;
use crate::support::stage::{Stage, patient, until};

async fn stage(limits: Limits) -> Stage {
    Stage::with(0, |config| {
        config.kind = Kind::Tcp;
        config.limits = limits;
    })
    .await
}

/// Says its name, then sends back what it gets, and says goodbye when the client has said its last.
async fn echo(name: &'static str) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(name.as_bytes()).await.unwrap();
                let mut bytes = Vec::new();
                while matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    stream.write_all(&bytes).await.unwrap();
                    bytes.clear();
                }
                let _ = stream.write_all(b"bye").await;
            });
        }
    });
    (addr, task)
}

async fn call(addr: SocketAddr) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let name = stream.read_u8().await.unwrap();
    (stream, name)
}

#[tokio::test]
async fn connections_are_balanced_drained_and_half_closed() {
    let stage = stage(patient()).await;
    let (first, _) = echo("1").await;
    let (second, _) = echo("2").await;
    stage.endpoint.add("db.1", first).unwrap();
    stage.endpoint.add("db.2", second).unwrap();
    let (mut one, name) = call(stage.addr()).await;
    let (_two, other) = call(stage.addr()).await;
    assert_eq!((name, other), (b'1', b'2'));

    let drained = tokio::spawn(stage.endpoint.drain(&"db.1".into(), LONG).unwrap());
    assert_eq!(call(stage.addr()).await.1, b'2');
    one.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    one.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
    assert!(!drained.is_finished());
    one.shutdown().await.unwrap();
    let mut rest = Vec::new();
    one.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"bye");
    assert_eq!(drained.await.unwrap().in_flight, 0);
    let logged =
        |line: &String| line.starts_with("127.0.0.1 \"connection\" - 8 ") && line.ends_with("ms db.1");
    until("a line", || stage.log.lock().unwrap().iter().any(logged)).await;
}

#[tokio::test]
async fn one_that_refuses_is_passed_over_and_found_again() {
    let stage = stage(patient()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (living, _) = echo("2").await;
    stage.endpoint.add("db.1", free).unwrap();
    stage.endpoint.add("db.2", living).unwrap();
    for _ in 0..3 {
        assert_eq!(call(stage.addr()).await.1, b'2');
    }
    assert_eq!(stage.state("db.1").unwrap().to_string(), "unreachable");
    let listener = TcpListener::bind(free).await.unwrap();
    until("it is back", || stage.state("db.1").unwrap().to_string() == "ready").await;
    drop(listener);
}

#[tokio::test]
async fn without_a_replica_the_connection_is_closed() {
    let stage = stage(Limits { queue_wait: Duration::from_millis(20), ..patient() }).await;
    let mut stream = TcpStream::connect(stage.addr()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}
