//! A TCP endpoint: connections are balanced, and what they carry is handed on as it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use backlot_sockets::{ClientStream, ReplicaStream, Traffic, pipe};
use bytes::Bytes;

use crate::access::AccessLine;
use crate::balancing::in_flight::InFlight;
use crate::balancing::recheck::unreachable;
use crate::balancing::replica::Replica;
use crate::messages::rules::ATTEMPTS;
use crate::shared::Shared;

/// One client's connection. Writes the log when it is dropped.
struct Call {
    shared: Arc<Shared>,
    peer: SocketAddr,
    begun: Instant,
    traffic: Arc<Traffic>,
    replica: Option<Arc<Replica>>,
    attempts: u32,
}

impl Call {
    fn new(shared: &Arc<Shared>, downstream: &ClientStream, peer: SocketAddr) -> Self {
        let (shared, traffic) = (Arc::clone(shared), downstream.traffic());
        Self { shared, peer, begun: Instant::now(), traffic, replica: None, attempts: 0 }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(log) = &self.shared.log {
            log(&AccessLine {
                endpoint: &self.shared.name,
                peer: self.peer,
                request: None,
                status: None,
                bytes: self.traffic.written(),
                took: self.begun.elapsed(),
                replica: self.replica.as_ref().map(|replica| &replica.id),
                attempts: self.attempts,
            });
        }
    }
}

/// Serves a client until either side ends it. If no replica takes it, the connection is closed.
pub(crate) async fn serve(shared: Arc<Shared>, downstream: ClientStream, peer: SocketAddr) {
    let mut call = Call::new(&shared, &downstream, peer);
    let Some((upstream, in_flight)) = reach(&shared, &mut call).await else { return };
    // Either side may break it off, and then it is over: nobody is left to be told.
    let _ = pipe(downstream, Bytes::new(), upstream, Bytes::new(), shared.limits.stall_timeout).await;
    drop(in_flight);
}

/// The same with a replica that is connected already, and has perhaps said something.
pub(crate) async fn carry(
    shared: Arc<Shared>,
    downstream: ClientStream,
    peer: SocketAddr,
    (upstream, said): (ReplicaStream, Bytes),
    in_flight: InFlight,
) {
    let mut call = Call::new(&shared, &downstream, peer);
    call.attempts = 1;
    call.replica = Some(Arc::clone(in_flight.replica()));
    let _ = pipe(downstream, Bytes::new(), upstream, said, shared.limits.stall_timeout).await;
    drop(in_flight);
}

/// Connects to a replica that answers.
async fn reach(shared: &Arc<Shared>, call: &mut Call) -> Option<(ReplicaStream, InFlight)> {
    let deadline = tokio::time::Instant::from_std(call.begun) + shared.limits.queue_wait;
    let mut tried = Vec::new();
    while call.attempts < ATTEMPTS {
        let in_flight = shared.rotation.acquire(&tried, deadline).await?;
        let replica = Arc::clone(in_flight.replica());
        call.attempts += 1;
        call.replica = Some(Arc::clone(&replica));
        match replica.connect(shared.limits.connect_timeout).await {
            Ok(upstream) => return Some((upstream, in_flight)),
            Err(error) if error.blames_replica() => unreachable(shared, &replica),
            Err(_) => return None,
        }
        tried.push(replica);
    }
    None
}
