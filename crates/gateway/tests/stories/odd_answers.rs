//! Answers that are not as they should be, or as few are: what a client gets of them.

use std::time::Duration;

use tokio::time::timeout;

use crate::odd_replicas::stage;
use crate::support::client::{Client, LONG, get, once};

/// The text lives as long as the test does.
fn leaked(answer: String) -> &'static [u8] {
    Box::leak(answer.into_bytes().into_boxed_slice())
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 300",
        "Content-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: chunked",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        let (stage, _) = stage(9, leaked(answer)).await;
        let mut client = Client::connect(stage.addr()).await.unwrap();
        for _ in 0..2 {
            let answer = client.ask(get("/")).await.unwrap();
            assert_eq!((answer.status, answer.text()), (200, "hello"), "{lines}");
            assert!(!answer.headers.contains_key("content-length"), "{}", answer.head);
        }
    }
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_a_502() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: five",
        "Content-Length: -5",
        "X-A: one\r\n folded: two\r\nContent-Length: 5",
        "X A: one\r\nContent-Length: 5",
        "X-A : one\r\nContent-Length: 5",
        "X-A: a\0b\r\nContent-Length: 5",
    ] {
        let (stage, _) = stage(9, leaked(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello"))).await;
        assert_eq!(once(stage.addr(), &get("/")).await.unwrap().status, 502, "{lines:?}");
    }
}

#[tokio::test]
async fn an_answer_has_as_many_headers_as_it_likes() {
    for count in [150, 900] {
        let cookies = "Set-Cookie: c=1\r\n".repeat(count);
        let answer = format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 2\r\n\r\nok");
        let (stage, _) = stage(9, leaked(answer)).await;
        let answer = once(stage.addr(), &get("/")).await.unwrap();
        assert_eq!((answer.status, answer.head.matches("Set-Cookie: ").count()), (200, count));
    }
    // A limit there is.
    let (stage, _) = stage(9, leaked(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(2000)))).await;
    assert_eq!(once(stage.addr(), &get("/")).await.unwrap().status, 502);
}

#[tokio::test]
async fn a_request_has_more_than_a_hundred_headers_too() {
    let (stage, _) = stage(9, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let lines = "X-Many: 1\r\n".repeat(150);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    assert_eq!(once(stage.addr(), &request).await.unwrap().status, 200);
}

#[tokio::test]
async fn no_body_where_none_belongs() {
    for status in ["204 No Content", "304 Not Modified"] {
        for body in
            ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
        {
            let (stage, _) = stage(9, leaked(format!("HTTP/1.1 {status}\r\n{body}"))).await;
            let mut client = Client::connect(stage.addr()).await.unwrap();
            // What was sent all the same is no answer to the next request.
            for _ in 0..3 {
                let answer = client.ask(get("/")).await.unwrap();
                assert!(answer.line.ends_with(status), "{}", answer.line);
            }
        }
    }
    let (stage, _) = stage(9, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap().status, 200);
    }
}

const HINTED: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
    HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-own\r\nX-Own: 1\r\n\r\n\
    HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn interim_answers_are_handed_on() {
    let (stage, connections) = stage(9, HINTED).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..3 {
        client.send(get("/")).await.unwrap();
        assert_eq!(client.read_head().await.unwrap().status, 102);
        let hints = client.read_head().await.unwrap();
        assert_eq!(hints.head, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        let answer = client.read_answer(false).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    // To somebody who knows nothing of them they are not said.
    let answer = once(stage.addr(), "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "ok"));
}

#[tokio::test]
async fn hints_come_before_the_answer_is_there() {
    let (stage, _) = stage(1, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n").await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/")).await.unwrap();
    let hints = timeout(LONG, client.read_head()).await.unwrap().unwrap();
    assert_eq!(hints.status, 103);
    // And then it hangs up, whoever asks.
    let mut status = hints.status;
    while status == 103 {
        status = client.read_answer(false).await.unwrap().status;
    }
    assert_eq!(status, 502);
}

#[tokio::test]
async fn hints_never_end_up_inside_of_an_answer() {
    let (stage, _) = stage(99, HINTED).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(get("/").repeat(50)).await.unwrap();
    let mut answers = 0;
    while answers < 50 {
        let answer = timeout(Duration::from_secs(20), client.read_answer(false)).await.unwrap().unwrap();
        match answer.status {
            200 => answers += 1,
            status => assert!([102, 103].contains(&status), "{status}"),
        }
    }
}

/// Some servers give a length to everything; then the other protocol would be taken for a body.
#[tokio::test]
async fn a_change_of_protocols_has_no_length() {
    let (stage, _) = stage(
        1,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\nhi",
    )
    .await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n").await.unwrap();
    let head = timeout(LONG, client.read_head()).await.unwrap().unwrap();
    assert_eq!(head.status, 101);
    assert!(!head.headers.contains_key("content-length"), "{}", head.head);
    assert_eq!(client.read_exactly(2).await.unwrap(), b"hi");
}

#[tokio::test]
async fn a_head_is_answered_without_a_body_whatever_frames_it() {
    for lines in ["Transfer-Encoding: chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked"] {
        let (stage, _) = stage(9, leaked(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n"))).await;
        let mut client = Client::connect(stage.addr()).await.unwrap();
        for _ in 0..2 {
            let answer = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            assert_eq!(answer.status, 200, "{lines}");
            assert!(!answer.headers.contains_key("content-length"), "{}", answer.head);
        }
    }
}
