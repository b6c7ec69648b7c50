//! Clients that say their last word and then listen (`nc -N`), and clients that leave.

use tokio::io::AsyncWriteExt;

use crate::support::client::{Client, get, post};
use crate::support::stage::{Stage, until};
use backlot_gateway::Kind;

#[tokio::test]
async fn who_has_said_the_last_word_gets_an_answer() {
    for kind in [Kind::Http, Kind::Auto] {
        let stage = Stage::with(1, |config| config.kind = kind).await;
        let chunked =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
        for (request, text) in
            [(get("/held"), "held"), (post("/", "body"), "body"), (chunked.to_owned(), "body")]
        {
            let mut client = Client::connect(stage.addr()).await.unwrap();
            client.send(&request).await.unwrap();
            client.stream.shutdown().await.unwrap();
            if text == "held" {
                until("the replica has it", || stage.in_flight() == 1).await;
                stage.seen.gate.add_permits(1);
            }
            assert_eq!(client.read_answer(false).await.unwrap().text(), text, "{request}");
            // And then the connection ends.
            assert_eq!(client.read_to_end().await.unwrap(), b"");
        }
        assert_eq!(stage.in_flight(), 0);
    }
}

#[tokio::test]
async fn all_requests_that_were_sent_are_answered() {
    let stage = Stage::new(2).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/").repeat(3)).await.unwrap();
    client.stream.shutdown().await.unwrap();
    let answers = String::from_utf8(client.read_to_end().await.unwrap()).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let stage = Stage::new(1).await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbody",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
        "GET / HT",
    ] {
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(request).await.unwrap();
        client.stream.shutdown().await.unwrap();
        let answer = String::from_utf8(client.read_to_end().await.unwrap()).unwrap();
        assert!(!answer.contains(" 200 "), "{answer}");
    }
    assert!(stage.seen.posts.lock().unwrap().is_empty());
    assert_eq!(stage.in_flight(), 0);
}

/// Whoever has closed is told from who listens by what the system knows of sockets on this machine.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn nobody_works_for_a_client_that_has_left() {
    for kind in [Kind::Http, Kind::Auto] {
        let stage = Stage::with(1, |config| config.kind = kind).await;
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(get("/held")).await.unwrap();
        until("the replica has it", || stage.in_flight() == 1).await;
        drop(client);
        until("it was given up", || stage.in_flight() == 0).await;
        // Even if it has listened for a while.
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(get("/held")).await.unwrap();
        client.stream.shutdown().await.unwrap();
        until("the replica has it", || stage.in_flight() == 1).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(stage.in_flight(), 1);
        drop(client);
        until("it was given up", || stage.in_flight() == 0).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_that_have_left_are_found_out_by_one_look() {
    let stage = Stage::new(1).await;
    let mut clients = Vec::new();
    for _ in 0..300 {
        let mut client = Client::connect(stage.addr()).await.unwrap();
        client.send(get("/held")).await.unwrap();
        clients.push(client);
    }
    until("all are at work", || stage.in_flight() == 300).await;
    drop(clients);
    let mut threads = 0;
    until("all were given up", || {
        threads = threads.max(std::fs::read_dir("/proc/self/task").unwrap().count());
        stage.in_flight() == 0
    })
    .await;
    // Those of the other tests are among them.
    assert!(threads < 100, "{threads} threads");
}
