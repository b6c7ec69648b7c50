//! An endpoint of which nobody has said what is spoken there: each client is listened to first.
//!
//! One that begins with a request of HTTP/1 is served as such; the bytes of any other are handed on. One that says nothing
//! may be a browser that has opened a connection ahead of need, or wait for the server's first word (a mail server). Then a
//! replica is connected to, and whoever speaks first decides. Until then the replica does not count as busy: nothing was
//! said, so another may take its place, and no rollout waits for somebody who is silent.
//!
//! What was learned once holds for all: a replica that has answered HTTP is not bothered with silent connections again, of
//! which one that serves a single connection at a time could not get rid; and where the server speaks first, nobody waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backlot_sockets::{ClientStream, Opening, ReplicaStream};
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use crate::balancing::recheck::unreachable;
use crate::balancing::replica::Replica;
use crate::http;
use crate::serving::tcp;
use crate::shared::Shared;

/// How long a client may be silent before that means something.
const PATIENCE: Duration = Duration::from_millis(300);
/// The most that is read of a server's first word.
const GREETING: usize = 4 * 1024;

/// Serves a client as it turns out to speak.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    mut downstream: ClientStream,
    peer: SocketAddr,
    worker: usize,
) {
    if shared.habits.speaks_first.load(Ordering::Relaxed) {
        return Box::pin(tcp::serve(shared, downstream, peer)).await;
    }
    let heard = match timeout(PATIENCE, downstream.listen()).await {
        Ok(heard) => heard,
        Err(_) => downstream.heard_so_far(),
    };
    let knows_http = shared.habits.http.is_set();
    match heard {
        Opening::Http => http::serve(shared, downstream.into_parts(), peer, worker).await,
        // Nothing but a bad request, and the replica is not to be the judge of it.
        Opening::Other if knows_http && downstream.said_text() => {
            http::serve(shared, downstream.into_parts(), peer, worker).await;
        }
        Opening::Nothing if knows_http => http::serve(shared, downstream.into_parts(), peer, worker).await,
        Opening::Nothing => Box::pin(wait_for_a_word(shared, downstream, peer, worker)).await,
        Opening::End if knows_http => {}
        Opening::Other | Opening::End => Box::pin(tcp::serve(shared, downstream, peer)).await,
        Opening::Gone => {}
    }
}

/// What happened to a connection on which nobody has spoken.
enum Turn {
    Client(Opening),
    /// The replica has said something, or nothing more is to be expected of it.
    Replica(usize),
    /// The replica is about to stop.
    Leaving,
    /// It is known by now that HTTP is spoken here.
    Http,
    /// The endpoint closes.
    Closing,
}

async fn wait_for_a_word(shared: Arc<Shared>, mut downstream: ClientStream, peer: SocketAddr, worker: usize) {
    loop {
        let Some((replica, mut upstream)) = reach(&shared).await else { return };
        let mut greeting = BytesMut::with_capacity(GREETING);
        let turn = tokio::select! {
            heard = downstream.listen() => Turn::Client(heard),
            read = upstream.read_buf(&mut greeting) => Turn::Replica(read.unwrap_or(0)),
            () = replica.leaving.wait() => Turn::Leaving,
            () = shared.habits.http.wait() => Turn::Http,
            () = shared.closing.wait() => Turn::Closing,
        };
        match turn {
            // Nothing was said: another one will do.
            Turn::Leaving => {}
            Turn::Replica(0) if replica.leaving.is_set() => {}
            // A replica is tired of waiting, or gone: so is the client's connection.
            Turn::Replica(0) | Turn::Client(Opening::Gone) | Turn::Closing => return,
            Turn::Client(Opening::Http) | Turn::Http => {
                drop(upstream);
                return http::serve(shared, downstream.into_parts(), peer, worker).await;
            }
            Turn::Client(Opening::Other | Opening::End | Opening::Nothing) => {
                return match shared.rotation.claim(&replica) {
                    Some(in_flight) => {
                        tcp::carry(shared, downstream, peer, (upstream, Bytes::new()), in_flight).await;
                    }
                    None => tcp::serve(shared, downstream, peer).await,
                };
            }
            // It is tired of waiting, and says so as HTTP does (408).
            Turn::Replica(_) if greeting.starts_with(b"HTTP/1.") => {
                shared.habits.answered_http();
                drop(upstream);
                return http::serve(shared, downstream.into_parts(), peer, worker).await;
            }
            Turn::Replica(_) => {
                shared.habits.speaks_first.store(true, Ordering::Relaxed);
                if let Some(in_flight) = shared.rotation.claim(&replica) {
                    return tcp::carry(shared, downstream, peer, (upstream, greeting.freeze()), in_flight)
                        .await;
                }
            }
        }
    }
}

/// A connection to a replica that does not count as busy by it.
async fn reach(shared: &Arc<Shared>) -> Option<(Arc<Replica>, ReplicaStream)> {
    let deadline = Instant::now() + shared.limits.idle_timeout;
    loop {
        let in_flight = shared.rotation.acquire(&[], deadline).await?;
        let replica = Arc::clone(in_flight.replica());
        drop(in_flight);
        match replica.connect(shared.limits.connect_timeout).await {
            Ok(upstream) => return Some((replica, upstream)),
            Err(error) if error.blames_replica() => unreachable(shared, &replica),
            Err(_) => return None,
        }
    }
}
