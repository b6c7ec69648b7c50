//! Clients, well and unwell.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;

use backlot_supervisor::{Message, Request};
use backlot_testkit::wait_until;

use crate::stage::{Stage, script};

/// The most that a client is told without reading is what fits into the socket and this.
const MOST_NEWS: usize = 256;

fn next(client: &mut BufReader<UnixStream>) -> Option<Message> {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    serde_json::from_str(&line).ok()
}

#[test]
fn a_client_that_does_not_read_is_told_how_much_it_has_missed() {
    const RESTARTS: usize = 40;
    let mut many = script("many", "exec sleep 1000");
    many.replicas = 20;
    let stage = Stage::start([many]);
    let mut client = stage.attach();
    for _ in 0..RESTARTS {
        stage.ask(&Request::Restart { services: Vec::new(), rolling: false }).unwrap();
    }
    // Nothing of that has kept it from its work.
    stage.wait_healthy().unwrap();
    stage.ask(&Request::Scale { replicas: [("many".to_owned(), 1)].into(), wait: true }).unwrap();
    let (mut read, mut missed) = (0, 0);
    // Twenty are gone for twenty new ones in each, and then nineteen for good.
    while read + missed < RESTARTS * 20 {
        let Some(Message::News(news)) = next(&mut client) else { panic!("it ended after {read}") };
        match news.text.strip_prefix("leaves out ").and_then(|rest| rest.split(' ').next()) {
            Some(count) => missed += count.parse::<usize>().unwrap(),
            None => read += 1,
        }
    }
    assert!(missed > 0, "all {read} were kept");
    assert!(read < RESTARTS * 20 - MOST_NEWS, "{read} read, {missed} missed");
    drop(client);
    wait_until("it ends with the client that it lived for", || !stage.socket().exists());
}

#[test]
fn a_stack_lives_as_long_as_the_client_that_is_attached_reading_or_not() {
    let stage = Stage::start([script("one", "exec sleep 1000")]);
    let client = stage.attach();
    stage.wait_healthy().unwrap();
    assert_eq!(stage.status()[0].replicas.len(), 1);
    drop(client);
    wait_until("it ends", || !stage.socket().exists());
}
