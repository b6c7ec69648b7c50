//! Old clients, careful ones, and such as try to be understood in two ways.

use crate::support::client::{Client, get, once, post};
use crate::support::stage::Stage;

#[tokio::test]
async fn http_1_0_with_and_without_keep_alive() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("GET /headers HTTP/1.0\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(client.read_to_end().await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.contains(&format!("host: {}", stage.addr())), "{answer}");

    let mut client = Client::connect(stage.addr()).await.unwrap();
    for _ in 0..2 {
        let answer = client.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
        assert_eq!((answer.text(), answer.closes()), ("hello", false));
    }
    // A body without a length ends with the connection.
    stage.seen.gate.add_permits(2);
    client.send("GET /gated?2 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(client.read_to_end().await.unwrap()).unwrap();
    assert!(answer.ends_with("\r\n\r\npiece 0\npiece 1\n"), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let stage = Stage::new(2).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send(format!("{}{}{}", get("/"), post("/", "two"), get("/headers"))).await.unwrap();
    assert_eq!(client.read_answer(false).await.unwrap().text(), "hello");
    assert_eq!(client.read_answer(false).await.unwrap().text(), "two");
    assert!(client.read_answer(false).await.unwrap().text().starts_with("GET /headers"));
}

#[tokio::test]
async fn a_client_that_asks_is_told_to_go_on() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.read_until(b"\r\n\r\n").await.unwrap(), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await.unwrap();
    assert_eq!(client.read_answer(false).await.unwrap().text(), "body");
}

#[tokio::test]
async fn an_answer_may_come_before_the_body() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin").await.unwrap();
    assert_eq!(client.read_answer(false).await.unwrap().status, 413);
}

#[tokio::test]
async fn bodies_with_and_without_a_length_arrive_whole() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let body = "x".repeat(300_000);
    assert_eq!(client.ask(post("/count", &body)).await.unwrap().text(), "300000");
    client.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        client.send(format!("{:x}\r\n{}\r\n", 5000, "y".repeat(5000))).await.unwrap();
    }
    client.send("0\r\n\r\n").await.unwrap();
    assert_eq!(client.read_answer(false).await.unwrap().text(), "50000");
    assert_eq!(stage.in_flight(), 0);
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_reaches_nobody() {
    let stage = Stage::new(1).await;
    let refused = [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405),
    ];
    for (request, status) in refused {
        let answer = once(stage.addr(), request).await.unwrap();
        assert_eq!(answer.status, status, "{request:?}");
    }
    assert_eq!(stage.backends[0].requests(), 0);
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_is_not_trusted_further() {
    let stage = Stage::new(1).await;
    for lines in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let mut client = Client::connect(stage.addr()).await.unwrap();
        let smuggled = get("/smuggled");
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n2\r\nab\r\n0\r\n\r\n{smuggled}"))
            .await
            .unwrap();
        let answer = client.read_answer(false).await.unwrap();
        assert_eq!((answer.text(), answer.closes()), ("ab", true));
        assert_eq!(client.read_to_end().await.unwrap_or_default(), b"");
    }
    assert_eq!(stage.backends[0].requests(), 2);
    assert_eq!(*stage.seen.posts.lock().unwrap(), ["ab", "ab"]);
}
