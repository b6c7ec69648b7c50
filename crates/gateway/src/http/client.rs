//! One client's connection, and one request on it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use backlot_sockets::{ClientStream, Interim, ReplicaStream};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, Version};

use crate::access::{AccessLine, RequestLine};
use crate::balancing::in_flight::InFlight;
use crate::balancing::replica::Replica;
use crate::config::Trust;
use crate::shared::Shared;

/// A client's connection.
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: SocketAddr,
    /// Which of the gateway's threads serves it.
    pub(crate) worker: usize,
    /// The peer's address without the port.
    pub(crate) address: HeaderValue,
    pub(crate) trusted: bool,
    /// Requests that are not over; at most one, as hyper serves them.
    busy: AtomicUsize,
    /// What is said to the client before an answer.
    pub(crate) interim: Arc<Interim>,
    /// What the connection becomes when it has changed protocols.
    switch: Mutex<Option<Switch>>,
}

/// The replica's side of a connection that changed protocols.
pub(crate) struct Switch {
    pub(crate) upstream: ReplicaStream,
    /// What was already read from the replica.
    pub(crate) read: Bytes,
    pub(crate) in_flight: InFlight,
    pub(crate) ticket: Ticket,
}

impl Client {
    pub(crate) fn new(
        shared: Arc<Shared>,
        downstream: &ClientStream,
        peer: SocketAddr,
        worker: usize,
    ) -> Self {
        let trusted = match shared.trust {
            Trust::Loopback => peer.ip().to_canonical().is_loopback(),
            Trust::Nobody => false,
        };
        // An address consists of what a header may hold.
        let address = HeaderValue::from_str(&peer.ip().to_canonical().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        let (busy, interim) = (AtomicUsize::new(0), downstream.interim());
        Self { shared, peer, worker, address, trusted, busy, interim, switch: Mutex::default() }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn set_switch(&self, switch: Switch) {
        *self.switch.lock().unwrap_or_else(PoisonError::into_inner) = Some(switch);
    }

    pub(crate) fn take_switch(&self) -> Option<Switch> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// One request, from its head to the end of its response. Writes the log when it is dropped.
pub(crate) struct Ticket {
    client: Arc<Client>,
    pub(crate) begun: Instant,
    pub(crate) status: Option<StatusCode>,
    pub(crate) bytes: u64,
    pub(crate) replica: Option<Arc<Replica>>,
    pub(crate) attempts: u32,
    asked: Option<(Method, Uri, Version)>,
}

impl Ticket {
    pub(crate) fn new(client: Arc<Client>, method: &Method, target: &Uri, version: Version) -> Self {
        client.busy.fetch_add(1, Ordering::Relaxed);
        let asked = client.shared.log.as_ref().map(|_| (method.clone(), target.clone(), version));
        Self { client, begun: Instant::now(), status: None, bytes: 0, replica: None, attempts: 0, asked }
    }
}

/// What a client is said to have got when it left before there was an answer; nginx's number.
const CLIENT_LEFT: u16 = 499;

impl Drop for Ticket {
    fn drop(&mut self) {
        self.client.busy.fetch_sub(1, Ordering::Relaxed);
        let (Some(log), Some((method, target, version))) = (&self.client.shared.log, &self.asked) else {
            return;
        };
        log(&AccessLine {
            endpoint: &self.client.shared.name,
            peer: self.client.peer,
            request: Some(RequestLine { method: method.as_str(), target, version: *version }),
            status: Some(self.status.map_or(CLIENT_LEFT, |status| status.as_u16())),
            bytes: self.bytes,
            took: self.begun.elapsed(),
            replica: self.replica.as_ref().map(|replica| &replica.id),
            attempts: self.attempts,
        });
    }
}
