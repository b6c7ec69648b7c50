//! One client's connection, from its first byte to its last.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backlot_sockets::{ClientStream, pipe};
use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::http::client::{Client, Switch};
use crate::http::forward::visit;
use crate::shared::Shared;

/// Serves a client that has said `heard` so far, until it leaves, is idle for too long, or the endpoint closes.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    (mut stream, heard): (TcpStream, BytesMut),
    peer: SocketAddr,
    worker: usize,
) {
    let client = Client::new(shared, peer, worker);
    let switch = {
        let mut closing = pin!(client.shared.closing.notified());
        let mut visiting = pin!(visit(&client, &mut stream, heard));
        let mut listens = false;
        std::future::poll_fn(|context| {
            if !listens {
                listens = true;
                // Once is enough to be woken; what has woken it is looked up each time.
                let _ = closing.as_mut().poll(context);
            }
            visiting.as_mut().poll(context)
        })
        .await
    };
    if let Some(switch) = switch {
        let tail = client.shared.limits.stall_timeout;
        // What few connections become takes no room from all.
        Box::pin(switched(stream, *switch, tail)).await;
    }
}

/// Goes on in another protocol. The replica counts as busy until it ends.
async fn switched(stream: TcpStream, switch: Switch<'_>, tail: Duration) {
    let Switch { upstream, read: (from_client, from_replica), in_flight, mut ticket } = switch;
    let downstream = ClientStream::new(stream);
    let traffic = downstream.traffic();
    // Either side may break it off, and then it is over: nobody is left to be told.
    let _ = pipe(downstream, from_client.into(), upstream, from_replica.into(), tail).await;
    ticket.bytes = traffic.written();
    drop(ticket);
    drop(in_flight);
}
