//! Draining goes by what is in flight.

use std::time::Duration;

use backlot_gateway::{GatewayError, ReplicaId, ReplicaState};

use crate::support::client::{Client, LONG, get, once};
use crate::support::stage::{Stage, until};

#[tokio::test]
async fn a_streamed_body_is_waited_for_to_its_last_byte() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/gated?3")).await.unwrap();
    stage.seen.gate.add_permits(1);
    assert_eq!(client.read_head().await.unwrap().status, 200);
    client.read_until(b"piece 0\n").await.unwrap();

    let id = ReplicaId::from("web.1");
    let drained = tokio::spawn(stage.endpoint.drain(&id, LONG).unwrap());
    assert_eq!(stage.state("web.1"), Some(ReplicaState::Draining));
    stage.seen.gate.add_permits(1);
    client.read_until(b"piece 1\n").await.unwrap();
    assert!(!drained.is_finished());
    assert_eq!(stage.in_flight(), 1);
    assert!(matches!(
        stage.endpoint.add(id.clone(), stage.addr()),
        Err(GatewayError::DuplicateReplica { .. })
    ));

    stage.seen.gate.add_permits(1);
    client.read_until(b"piece 2\n").await.unwrap();
    client.read_until(b"0\r\n\r\n").await.unwrap();
    assert_eq!(drained.await.unwrap().in_flight, 0);
    assert_eq!(stage.state("web.1"), None);
    assert!(matches!(stage.endpoint.drain(&id, LONG).err(), Some(GatewayError::UnknownReplica { .. })));
}

#[tokio::test]
async fn at_the_limit_it_says_what_is_left() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/held")).await.unwrap();
    until("it is at work", || stage.in_flight() == 1).await;
    let drained = stage.endpoint.drain(&"web.1".into(), Duration::from_millis(20)).unwrap().await;
    assert_eq!(drained.in_flight, 1);
    // What is left may still be answered.
    stage.seen.gate.add_permits(1);
    assert_eq!(client.read_answer(false).await.unwrap().text(), "held");
}

#[tokio::test]
async fn an_idle_replica_is_drained_at_once_and_its_connections_are_closed() {
    let mut stage = Stage::new(1).await;
    once(stage.addr(), &get("/")).await.unwrap();
    let drained = stage.endpoint.drain(&"web.1".into(), Duration::ZERO).unwrap().await;
    assert_eq!(drained.in_flight, 0);
    stage.backends.clear();
}

#[tokio::test]
async fn a_client_that_leaves_is_not_waited_for() {
    let stage = Stage::new(1).await;
    for path in ["/held", "/gated?3"] {
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(get(path)).await.unwrap();
        until("it is at work", || stage.in_flight() == 1).await;
        drop(client);
        until("it is given up", || stage.in_flight() == 0).await;
    }
    let left = stage.log.lock().unwrap().iter().filter(|line| line.contains(" 499 ")).count();
    assert!(left >= 1, "{:?}", stage.log.lock().unwrap());
}

#[tokio::test]
async fn closing_lets_requests_finish() {
    let stage = Stage::new(1).await;
    let addr = stage.addr();
    let idle = Client::connect(addr).await.unwrap();
    let mut asking = Client::connect(addr).await.unwrap();
    asking.send(get("/held")).await.unwrap();
    until("it is at work", || stage.in_flight() == 1).await;
    let gateway = stage.gateway.clone();
    let closing = tokio::spawn(async move { gateway.shutdown(LONG).await });
    let mut idle = idle;
    assert_eq!(idle.read_to_end().await.unwrap(), b"");
    stage.seen.gate.add_permits(1);
    let answer = asking.read_answer(false).await.unwrap();
    assert_eq!(answer.text(), "held");
    assert!(answer.closes());
    assert_eq!(closing.await.unwrap().cut, 0);
    assert!(Client::connect(addr).await.is_err());
    assert!(matches!(stage.endpoint.add("web.2", addr), Err(GatewayError::Closed { .. })));
}

#[tokio::test]
async fn closing_cuts_what_does_not_finish() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/held")).await.unwrap();
    until("it is at work", || stage.in_flight() == 1).await;
    assert_eq!(stage.gateway.shutdown(Duration::from_millis(20)).await.cut, 1);
    assert_eq!(client.read_to_end().await.unwrap_or_default(), b"");
    assert_eq!(stage.in_flight(), 0);
}
