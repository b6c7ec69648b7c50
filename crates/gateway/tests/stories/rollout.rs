//! Every replica is replaced, again and again, while fifty clients ask and post.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use backlot_gateway::ReplicaId;
use tokio::task::JoinSet;

use crate::support::backend::Backend;
use crate::support::client::{Client, LONG, get, post};
use crate::support::stage::Stage;

/// What the clients of a test share.
#[derive(Default)]
struct Tally {
    over: AtomicBool,
    done: AtomicUsize,
    posts: AtomicUsize,
}

/// One client: every second one keeps its connection, every second request is a POST. Returns what went wrong.
async fn visit(number: usize, addr: SocketAddr, tally: Arc<Tally>) -> Vec<String> {
    let keeps = number.is_multiple_of(2);
    let mut wrong = Vec::new();
    let mut kept = None;
    for turn in 0.. {
        if tally.over.load(Ordering::SeqCst) {
            break;
        }
        let id = format!("{number}-{turn}");
        let posts = turn % 2 == 1;
        let request = if posts { post("/", &id) } else { get("/") };
        let outcome = async {
            let mut client = match kept.take() {
                Some(client) => client,
                None => Client::connect(addr).await?,
            };
            let answer = client.ask(&request).await?;
            std::io::Result::Ok((client, answer))
        };
        match outcome.await {
            Ok((client, answer)) => {
                let expected = if posts { &*id } else { "hello" };
                if answer.status != 200 || answer.text() != expected {
                    wrong.push(format!("{id}: {} {:?}", answer.line, answer.text()));
                }
                if keeps && !answer.closes() {
                    kept = Some(client);
                }
            }
            Err(error) => wrong.push(format!("{id}: {error}")),
        }
        tally.posts.fetch_add(usize::from(posts), Ordering::SeqCst);
        tally.done.fetch_add(1, Ordering::SeqCst);
    }
    wrong
}

/// Replaces all three replicas: a new one is added, then the old one drained, then stopped.
async fn swap(stage: &mut Stage, round: usize) {
    for slot in 0..3 {
        let fresh = Backend::start(Arc::clone(&stage.seen)).await;
        stage.endpoint.add(format!("web.{}", 100 * round + slot), fresh.addr).unwrap();
        let old = std::mem::replace(&mut stage.backends[slot], fresh);
        let id = id_at(stage, old.addr);
        let drained = stage.endpoint.drain(&id, LONG).unwrap().await;
        assert_eq!(drained.in_flight, 0);
        drop(old);
    }
}

fn id_at(stage: &Stage, addr: SocketAddr) -> ReplicaId {
    let replicas = stage.endpoint.replicas();
    replicas.into_iter().find(|replica| replica.addr == addr).unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_swaps_of_three_replicas_drop_nothing() {
    let mut stage = Stage::new(3).await;
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for number in 0..50 {
        clients.spawn(visit(number, stage.addr(), Arc::clone(&tally)));
    }
    for round in 1..=20 {
        swap(&mut stage, round).await;
        // The swaps are spread over the load, however fast the machine is.
        crate::support::stage::until("enough requests", || tally.done.load(Ordering::SeqCst) >= round * 1000)
            .await;
    }
    tally.over.store(true, Ordering::SeqCst);
    let wrong: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    let done = tally.done.load(Ordering::SeqCst);
    assert!(wrong.is_empty(), "{} of {done} failed: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert!(done >= 20_000, "only {done} requests");
    let mut posts = stage.seen.posts.lock().unwrap().clone();
    assert_eq!(posts.len(), tally.posts.load(Ordering::SeqCst));
    posts.sort();
    posts.dedup();
    assert_eq!(posts.len(), tally.posts.load(Ordering::SeqCst), "a POST was sent twice");
    assert_eq!(stage.in_flight(), 0);
}
