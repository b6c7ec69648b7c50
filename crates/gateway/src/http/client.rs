//! One client, and one request of it.

use std::net::SocketAddr;
use std::sync::Arc;

use backlot_sockets::ReplicaStream;
use tokio::time::Instant;

use crate::access::{AccessLine, RequestLine};
use crate::balancing::in_flight::InFlight;
use crate::balancing::replica::Replica;
use crate::config::Trust;
use crate::messages::request::{Asker, Request};
use crate::shared::Shared;

/// A client, as it is known by its connection.
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    /// Which of the gateway's threads serves it.
    pub(crate) worker: usize,
    /// The peer's address without the port.
    address: String,
    is_trusted: bool,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, peer: SocketAddr, worker: usize) -> Self {
        let ip = peer.ip().to_canonical();
        let is_trusted = match shared.trust {
            Trust::Loopback => ip.is_loopback(),
            Trust::Nobody => false,
        };
        Self { shared, peer, worker, address: ip.to_string(), is_trusted }
    }

    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { address: &self.address, is_trusted: self.is_trusted, default_host: &self.shared.default_host }
    }
}

/// What a connection becomes that changes protocols.
pub(crate) struct Switch<'a> {
    pub(crate) upstream: ReplicaStream,
    /// What was already read from the client, and from the replica.
    pub(crate) read: (Vec<u8>, Vec<u8>),
    pub(crate) in_flight: InFlight,
    pub(crate) ticket: Ticket<'a>,
}

/// One request, from its head to the end of its response. Writes the log when it is dropped.
pub(crate) struct Ticket<'a> {
    client: &'a Client,
    pub(crate) begun: Instant,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) replica: Option<Arc<Replica>>,
    pub(crate) attempts: u32,
    asked: Option<(String, String, &'static str)>,
}

impl<'a> Ticket<'a> {
    /// For a request whose head is `head`.
    pub(crate) fn new(client: &'a Client, request: &Request, head: &[u8]) -> Self {
        let text = |range: &std::ops::Range<usize>| {
            let text = String::from_utf8_lossy(&head[range.clone()]);
            // Beyond ASCII there are more control characters than a head is refused for.
            if text.is_ascii() { text.into_owned() } else { text.replace(char::is_control, "\u{fffd}") }
        };
        let version = if request.is_old { "HTTP/1.0" } else { "HTTP/1.1" };
        let asked =
            client.shared.log.as_ref().map(|_| (text(&request.method), text(&request.target), version));
        Self { client, begun: Instant::now(), status: None, bytes: 0, replica: None, attempts: 0, asked }
    }
}

/// What a client is said to have got when it left before there was an answer; nginx's number.
const CLIENT_LEFT: u16 = 499;

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let (Some(log), Some((method, target, version))) = (&self.client.shared.log, &self.asked) else {
            return;
        };
        log(&AccessLine {
            endpoint: &self.client.shared.name,
            peer: self.client.peer,
            request: Some(RequestLine { method, target, version }),
            status: Some(self.status.unwrap_or(CLIENT_LEFT)),
            bytes: self.bytes,
            took: self.begun.elapsed(),
            replica: self.replica.as_ref().map(|replica| &replica.id),
            attempts: self.attempts,
        });
    }
}
