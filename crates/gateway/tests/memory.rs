//! Bodies are handed on, not kept. A process of its own, because it is the process that is measured.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(target_os = "linux")]

mod support;

use support::client::{Client, get};
use support::stage::Stage;

const MEGABYTE: usize = 1 << 20;

/// Memory of this process that is in use, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_megabytes_each_way_leave_no_mark() {
    let stage = Stage::new(1).await;
    let mut client = Client::connect(stage.addr()).await.unwrap();
    client.ask(get("/")).await.unwrap();
    let before = resident();

    client.send("GET /big?200 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    client.read_head().await.unwrap();
    let mut peak = resident();
    let mut total = 0;
    let mut buffer = vec![0; MEGABYTE];
    loop {
        match tokio::io::AsyncReadExt::read(&mut client.stream, &mut buffer).await.unwrap() {
            0 => break,
            count => total += count,
        }
        peak = peak.max(resident());
    }
    assert!(total > 199 * MEGABYTE, "{total}");

    let mut client = Client::connect(stage.addr()).await.unwrap();
    let length = 200 * MEGABYTE;
    client
        .send(format!("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"))
        .await
        .unwrap();
    for _ in 0..200 {
        client.send(&buffer).await.unwrap();
        peak = peak.max(resident());
    }
    assert_eq!(client.read_answer(false).await.unwrap().text(), length.to_string());
    let grown = (peak.saturating_sub(before)) / MEGABYTE;
    assert!(grown < 24, "grown by {grown} MiB");
}
