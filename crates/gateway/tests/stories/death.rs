//! A replica dies.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backlot_gateway::{Limits, ReplicaId, ReplicaState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::backend::{Backend, Seen};
use crate::support::client::{Client, get, once, post};
use crate::support::stage::{Stage, patient, until};

#[derive(Default)]
struct Tally {
    over: AtomicBool,
    done: AtomicUsize,
}

/// Asks until it is over, on a connection that is kept. Returns what came but 200.
async fn keep_asking(addr: SocketAddr, number: usize, posts: bool, tally: Arc<Tally>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut client = Client::connect(addr).await.unwrap();
    for turn in 0.. {
        if tally.over.load(Ordering::SeqCst) {
            break;
        }
        let request = if posts { post("/", &format!("{number}-{turn}")) } else { get("/") };
        match client.ask(request).await {
            Ok(answer) if answer.status == 200 => (),
            Ok(answer) => wrong.push(answer.line),
            Err(error) => {
                wrong.push(error.to_string());
                client = Client::connect(addr).await.unwrap();
            }
        }
        tally.done.fetch_add(1, Ordering::SeqCst);
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replica_fails_no_get_and_doubles_no_post() {
    let mut stage = Stage::new(3).await;
    let tally = Arc::new(Tally::default());
    let (mut asking, mut posting) = (JoinSet::new(), JoinSet::new());
    for number in 0..16 {
        asking.spawn(keep_asking(stage.addr(), number, false, Arc::clone(&tally)));
        posting.spawn(keep_asking(stage.addr(), number, true, Arc::clone(&tally)));
    }
    let mut noticed = Vec::new();
    for round in 1..=10 {
        let enough = || tally.done.load(Ordering::SeqCst) >= round * 400;
        until("some requests", enough).await;
        let addr = stage.backends.remove(0).addr;
        let killed = Instant::now();
        // Killed. The next connection finds out; the address then answers again and is found again.
        let id = ReplicaId::from(format!("web.{}", (round - 1) % 3 + 1));
        let gone = |state| matches!(state, Some(ReplicaState::Unreachable { .. }));
        until("it is out of rotation", || gone(stage.state(id.as_str()))).await;
        noticed.push(killed.elapsed());
        stage.backends.push(Backend::start_at(addr, Arc::clone(&stage.seen)).await);
        until("it is back", || stage.state(id.as_str()) == Some(ReplicaState::Ready)).await;
    }
    tally.over.store(true, Ordering::SeqCst);
    // Half of them, so that a machine that is busy for a moment does not fail it.
    noticed.sort_unstable();
    assert!(noticed[noticed.len() / 2] < Duration::from_millis(100), "{noticed:?}");
    let failed_gets: Vec<_> = asking.join_all().await.into_iter().flatten().collect();
    assert!(failed_gets.is_empty(), "{failed_gets:?}");
    let failed_posts: Vec<_> = posting.join_all().await.into_iter().flatten().collect();
    assert!(failed_posts.iter().all(|line| line.contains("502")), "{failed_posts:?}");
    let mut times = HashMap::new();
    for id in stage.seen.posts.lock().unwrap().iter() {
        *times.entry(id.clone()).or_insert(0) += 1;
    }
    assert!(times.values().all(|&count| count == 1), "a POST was sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_rest_that_died_together_keep_nobody_waiting() {
    let mut stage = Stage::new(1).await;
    let addr = stage.addr();
    let mut asking = JoinSet::new();
    for _ in 0..400 {
        asking.spawn(async move { once(addr, &get("/held")).await.unwrap().status });
    }
    until("all are at work", || stage.in_flight() == 400).await;
    stage.seen.gate.add_permits(400);
    assert_eq!(asking.join_all().await, [200; 400]);
    // Hundreds of connections are at rest now. All end; a request finds them so, one after the other.
    let replica = stage.backends.pop().unwrap().addr;
    stage.backends.push(Backend::start_at(replica, Arc::clone(&stage.seen)).await);
    for _ in 0..20 {
        assert_eq!(once(addr, &get("/")).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn when_all_are_gone_requests_wait_for_the_first_that_comes_back() {
    let mut stage = Stage::new(1).await;
    let addr = stage.backends.pop().unwrap().addr;
    let waiting = tokio::spawn(once(stage.addr(), Box::leak(get("/").into_boxed_str())));
    until("it is missed", || stage.state("web.1") != Some(ReplicaState::Ready)).await;
    let _back = Backend::start_at(addr, Arc::clone(&stage.seen)).await;
    assert_eq!(waiting.await.unwrap().unwrap().text(), "hello");
}

/// A replica that reads a request and then closes without an answer; tells how many it read.
async fn deaf(prefix: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 4096];
            if matches!(stream.read(&mut bytes).await, Ok(1..)) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            let _ = stream.write_all(prefix).await;
        }
    });
    (addr, count)
}

#[tokio::test]
async fn a_post_that_was_sent_is_not_sent_again() {
    let stage = Stage::new(0).await;
    let (addr, count) = deaf(b"").await;
    stage.endpoint.add("web.1", addr).unwrap();
    let (other, other_count) = deaf(b"").await;
    stage.endpoint.add("web.2", other).unwrap();
    let why = "the connection broke before the answer was whole";
    for (sent, body) in [(1, "one"), (2, "")] {
        let answer = once(stage.addr(), &post("/", body)).await.unwrap();
        assert_eq!(answer.status, 502);
        assert_eq!(answer.text(), format!("502 Bad Gateway\nendpoint web:8000: web.{sent}: {why}\n"));
        assert_eq!(count.load(Ordering::SeqCst) + other_count.load(Ordering::SeqCst), sent);
    }
}

#[tokio::test]
async fn a_get_kills_three_replicas_at_most() {
    let stage = Stage::new(0).await;
    let mut counts = Vec::new();
    for number in 1..=5 {
        let (addr, count) = deaf(b"").await;
        stage.endpoint.add(format!("web.{number}"), addr).unwrap();
        counts.push(count);
    }
    assert_eq!(once(stage.addr(), &get("/")).await.unwrap().status, 502);
    assert_eq!(counts.iter().map(|count| count.load(Ordering::SeqCst)).sum::<usize>(), 3);
}

#[tokio::test]
async fn a_short_answer_that_breaks_off_is_asked_for_elsewhere() {
    let stage = Stage::new(0).await;
    let (addr, count) = deaf(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await;
    stage.endpoint.add("web.1", addr).unwrap();
    let healthy = Backend::start(Arc::new(Seen::default())).await;
    stage.endpoint.add("web.2", healthy.addr).unwrap();
    let answer = once(stage.addr(), &get("/")).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_no_http_is_a_502() {
    let stage = Stage::new(0).await;
    let (addr, count) = deaf(b"SSH-2.0-nothing\r\n\r\n").await;
    stage.endpoint.add("web.1", addr).unwrap();
    let answer = once(stage.addr(), &get("/")).await.unwrap();
    assert_eq!(answer.status, 502);
    assert_eq!(answer.text(), "502 Bad Gateway\nendpoint web:8000: web.1: the answer is not HTTP\n");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_replica_that_is_removed_at_work_is_replaced() {
    let stage = Stage::new(1).await;
    let held = tokio::spawn(async move {
        let addr = stage.addr();
        let asking = tokio::spawn(async move { once(addr, &get("/held")).await });
        until("it is at work", || stage.in_flight() == 1).await;
        let other = Arc::new(Seen::default());
        other.gate.add_permits(1);
        let fresh = Backend::start(other).await;
        stage.endpoint.add("web.2", fresh.addr).unwrap();
        stage.endpoint.remove(&"web.1".into()).unwrap();
        asking.await.unwrap().unwrap()
    });
    assert_eq!(held.await.unwrap().text(), "held");
}

#[tokio::test]
async fn no_replica_within_the_limit_is_a_503() {
    let limits = Limits { queue_wait: Duration::from_millis(50), ..patient() };
    let mut stage = Stage::with(1, |config| config.limits = limits).await;
    stage.backends.clear();
    let answer = once(stage.addr(), &get("/")).await.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(
        answer.text().starts_with(
            "503 Service Unavailable\nendpoint web:8000: no replica was ready within 50ms; last, web.1: Connection refused"
        ),
        "{}",
        answer.text()
    );
    // The client was not at fault and may ask again on the same connection.
    assert!(!answer.closes());
}
