//! Who gets what.

use std::sync::Arc;

use crate::support::backend::{Backend, Seen};
use crate::support::client::{Client, get, once};
use crate::support::stage::{Stage, until};

/// Three replicas that count for themselves.
async fn separate() -> (Stage, Vec<Backend>) {
    let stage = Stage::new(0).await;
    let mut backends = Vec::new();
    for number in 1..=3 {
        let backend = Backend::start(Arc::new(Seen::default())).await;
        stage.endpoint.add(format!("web.{number}"), backend.addr).unwrap();
        backends.push(backend);
    }
    (stage, backends)
}

#[tokio::test]
async fn every_replica_receives_its_share() {
    let (stage, backends) = separate().await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..30 {
        assert_eq!(client.ask(get("/")).await.unwrap().status, 200);
    }
    let shares: Vec<_> = backends.iter().map(Backend::requests).collect();
    assert_eq!(shares, [10, 10, 10]);
}

#[tokio::test]
async fn a_busy_replica_gets_nothing_while_others_are_idle() {
    let (stage, backends) = separate().await;
    let addr = stage.addr();
    let held = tokio::spawn(async move { once(addr, &get("/held")).await });
    until("one is busy", || stage.in_flight() == 1).await;
    for _ in 0..10 {
        once(addr, &get("/")).await.unwrap();
    }
    let shares: Vec<_> = backends.iter().map(Backend::requests).collect();
    assert_eq!(shares, [1, 5, 5]);
    backends[0].seen.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().text(), "held");
}

#[tokio::test]
async fn one_that_is_said_to_be_ill_gets_nothing_until_it_is_well() {
    let (stage, backends) = separate().await;
    stage.endpoint.set_health(&"web.1".into(), false).unwrap();
    for _ in 0..6 {
        once(stage.addr(), &get("/")).await.unwrap();
    }
    assert_eq!(backends[0].requests(), 0);
    stage.endpoint.set_health(&"web.1".into(), true).unwrap();
    for _ in 0..6 {
        once(stage.addr(), &get("/")).await.unwrap();
    }
    assert_eq!(backends[0].requests(), 2);
    assert!(stage.endpoint.set_health(&"web.9".into(), true).is_err());
}

#[tokio::test]
async fn the_log_names_who_answered() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.ask(get("/users?page=2")).await.unwrap();
    until("a line", || !stage.log.lock().unwrap().is_empty()).await;
    let line = stage.log.lock().unwrap()[0].clone();
    assert!(line.starts_with("127.0.0.1 \"GET /users?page=2 HTTP/1.1\" 200 5 "), "{line}");
    assert!(line.ends_with("ms web.1"), "{line}");
}
