//! What reaches a replica, and what comes back.

use backlot_gateway::Trust;

use crate::support::client::{Client, get, once};
use crate::support::stage::Stage;

/// The request as the replica saw it: its line, then its headers in order of name.
async fn seen(stage: &Stage, request: &str) -> Vec<String> {
    let answer = once(stage.addr(), request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_plain_request_is_told_for_whom_it_is() {
    let stage = Stage::new(1).await;
    assert_eq!(
        seen(&stage, &get("/headers?a=b%20c")).await,
        [
            "GET /headers?a=b%20c HTTP/1.1",
            "host: shop.test",
            "via: 1.1 backlot",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: shop.test",
            "x-forwarded-proto: http",
        ]
    );
}

#[tokio::test]
async fn a_front_on_this_machine_is_believed_and_can_be_disbelieved() {
    let request = "GET /headers HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.9\r\n\
                   Forwarded: for=203.0.113.9\r\nX_Forwarded_For: 10.0.0.1\r\nVia: 1.1 front\r\n\r\n";
    let stage = Stage::new(1).await;
    assert_eq!(
        seen(&stage, request).await[1..],
        [
            "forwarded: for=203.0.113.9",
            "host: shop.test",
            "via: 1.1 backlot",
            "via: 1.1 front",
            "x-forwarded-for: 203.0.113.9",
        ]
    );
    let stage = Stage::with(1, |config| config.trust = Trust::Nobody).await;
    assert_eq!(
        seen(&stage, request).await[1..],
        [
            "host: shop.test",
            "via: 1.1 backlot",
            "via: 1.1 front",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: shop.test",
            "x-forwarded-proto: http",
        ]
    );
}

#[tokio::test]
async fn what_is_for_one_connection_stays_on_it() {
    let stage = Stage::new(1).await;
    let lines = seen(
        &stage,
        "GET /headers HTTP/1.1\r\nHost: shop.test\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authorization: Basic eA==\r\nTE: gzip\r\nUpgrade: websocket\r\n\
         Cookie: a=1\r\n\r\n",
    )
    .await;
    assert_eq!(
        lines[1..],
        [
            "cookie: a=1",
            "host: shop.test",
            "via: 1.1 backlot",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: shop.test",
            "x-forwarded-proto: http",
        ]
    );
    let answer = once(stage.addr(), &get("/hop")).await.unwrap();
    let names: Vec<&str> = answer.headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["content-length", "date", "x-public"]);
}

#[tokio::test]
async fn a_host_in_the_target_counts_for_more_than_the_header() {
    let stage = Stage::new(1).await;
    let lines = seen(&stage, "GET http://real.test:81/headers?x HTTP/1.1\r\nHost: other.test\r\n\r\n").await;
    assert_eq!(lines[..2], ["GET /headers?x HTTP/1.1", "host: real.test:81"]);
    assert!(lines.contains(&"x-forwarded-host: real.test:81".to_owned()));
}

#[tokio::test]
async fn trailers_are_handed_on_to_those_who_take_them() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.send("GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n").await.unwrap();
    let head = client.read_head().await.unwrap();
    assert_eq!(head.headers["trailer"], "x-sum");
    client.read_until(b"0\r\nx-sum: 42\r\n\r\n").await.unwrap();
    assert_eq!(client.ask(get("/trailers")).await.unwrap().text(), "data");
}

#[tokio::test]
async fn a_head_keeps_its_length_and_an_empty_answer_has_none() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    let answer = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!((answer.status, answer.headers["content-length"].as_str()), (200, "5"));
    let answer = client.ask(get("/empty")).await.unwrap();
    assert_eq!(answer.status, 204);
    assert!(
        !answer.headers.contains_key("content-length") && !answer.headers.contains_key("transfer-encoding")
    );
    assert_eq!(client.ask(get("/")).await.unwrap().text(), "hello");
}
