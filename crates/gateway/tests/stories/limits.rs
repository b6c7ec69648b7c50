//! Everything that is waited for has a limit. Only limits that are meant to be reached are short here.

use std::time::Duration;

use backlot_gateway::Limits;

use crate::support::client::{Client, get, once, post};
use crate::support::stage::{Stage, patient, until};

const SHORT: Duration = Duration::from_millis(50);

async fn with(limits: Limits) -> Stage {
    Stage::with(1, |config| config.limits = limits).await
}

#[tokio::test]
async fn a_replica_that_says_nothing_is_a_504() {
    let stage = with(Limits { response_timeout: SHORT, ..patient() }).await;
    let answer = once(stage.addr(), &get("/held")).await.unwrap();
    assert_eq!(answer.status, 504);
    assert_eq!(answer.text(), "504 Gateway Timeout\nendpoint web:8000: web.1: no answer within 50ms\n");
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    until("it is given up", || stage.in_flight() == 0).await;
}

#[tokio::test]
async fn a_body_that_stands_still_is_broken_off() {
    let stage = with(Limits { stall_timeout: SHORT, ..patient() }).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    stage.seen.gate.add_permits(1);
    client.send(get("/gated?2")).await.unwrap();
    client.read_until(b"piece 0\n").await.unwrap();
    let rest = client.read_to_end().await.unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a body that was cut must not look whole");
    until("it is given up", || stage.in_flight() == 0).await;
}

#[tokio::test]
async fn a_client_that_stops_sending_is_a_408() {
    let stage = with(Limits { stall_timeout: SHORT, ..patient() }).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    assert_eq!(answer.status, 408);
    until("it is given up", || stage.in_flight() == 0).await;
    assert_eq!(*stage.seen.posts.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_slow_client_is_not_the_replica_s_silence() {
    let stage = with(Limits { response_timeout: SHORT, ..patient() }).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf").await.unwrap();
    tokio::time::sleep(SHORT * 3).await;
    client.send("half").await.unwrap();
    assert_eq!(client.read_answer(false).await.unwrap().text(), "halfhalf");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left() {
    let stage = with(Limits { stall_timeout: SHORT, ..patient() }).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/big?64")).await.unwrap();
    until("it is at work", || stage.in_flight() == 1).await;
    until("it is given up", || stage.in_flight() == 0).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_so_is_half_a_head() {
    let stage = with(Limits { idle_timeout: SHORT, ..patient() }).await;
    for beginning in ["", "GET / HTTP/1.1\r\nHost: "] {
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(beginning).await.unwrap();
        assert_eq!(client.read_to_end().await.unwrap(), b"");
    }
    // A request that takes longer than that is not idle.
    let addr = stage.addr();
    let asking = tokio::spawn(async move { once(addr, &get("/held")).await });
    until("it is at work", || stage.in_flight() == 1).await;
    tokio::time::sleep(SHORT * 3).await;
    stage.seen.gate.add_permits(1);
    assert_eq!(asking.await.unwrap().unwrap().text(), "held");
}

#[tokio::test]
async fn more_clients_than_allowed_wait() {
    let stage = with(Limits { max_connections: 1, ..patient() }).await;
    let mut first = Client::connect(stage.addr()).await.unwrap();
    assert_eq!(first.ask(get("/")).await.unwrap().status, 200);
    let addr = stage.addr();
    let second = tokio::spawn(async move { once(addr, &get("/")).await });
    assert_eq!(first.ask(get("/")).await.unwrap().status, 200);
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_large_body_that_nobody_takes_does_not_hide_the_answer() {
    let stage = Stage::with(0, |config| config.limits = Limits { queue_wait: SHORT, ..patient() }).await;
    let body = "x".repeat(3 << 20);
    for _ in 0..10 {
        let answer = once(stage.addr(), &post("/", &body)).await.unwrap();
        assert_eq!(answer.status, 503);
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_a_431() {
    let stage = Stage::new(1).await;
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(40 * 1024));
    assert_eq!(once(stage.addr(), &request).await.unwrap().status, 431);
    assert_eq!(stage.backends[0].requests(), 0);
}
