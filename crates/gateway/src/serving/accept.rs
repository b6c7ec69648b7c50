//! Taking clients in, and closing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backlot_sockets::ClientStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::Kind;
use crate::http;
use crate::serving::{auto, tcp};
use crate::shared::Shared;
use crate::workers::Workers;

/// After an error that will not go away by trying at once, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// How an endpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Clients' connections that were cut because the grace period was over.
    pub cut: usize,
}

/// Serves an endpoint until `stop` holds the time at which it has to be over.
pub(crate) async fn run(
    shared: Arc<Shared>,
    listener: TcpListener,
    workers: Arc<Workers>,
    mut stop: watch::Receiver<Option<Instant>>,
    stopped: watch::Sender<Option<Stopped>>,
) {
    let mut connections = JoinSet::new();
    let mut worker = 0;
    let most = shared.limits.max_connections;
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((_, peer)) if !shared.lets_in(peer.ip()) => (),
                Ok((stream, peer)) => {
                    worker = (worker + 1) % workers.count();
                    take_in(&mut connections, &shared, &workers, worker, (stream, peer));
                }
                Err(error) if is_of_one_client(&error) => (),
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => (),
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    shared.closing.set();
    // Without a time (all handles are gone) it is over at once.
    let deadline = stop.borrow().unwrap_or_else(Instant::now);
    while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
    let cut = connections.len();
    connections.shutdown().await;
    shared.rotation.clear();
    stopped.send_replace(Some(Stopped { cut }));
}

/// The client is gone already; the next one is not to blame.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Gives a client to a worker.
fn take_in(
    connections: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    workers: &Workers,
    worker: usize,
    (stream, peer): (TcpStream, SocketAddr),
) {
    let shared = Arc::clone(shared);
    if workers.count() == 1 {
        connections.spawn_on(serve(shared, stream, peer, worker), workers.handle(worker));
        return;
    }
    // It belongs to the runtime that accepted it, and has to be made one of the worker's.
    let Ok(stream) = stream.into_std() else { return };
    let moved = async move {
        if let Ok(stream) = TcpStream::from_std(stream) {
            serve(shared, stream, peer, worker).await;
        }
    };
    connections.spawn_on(moved, workers.handle(worker));
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, worker: usize) {
    // What is written is whole messages or streamed pieces; neither should wait for the other side's ack. It fails when
    // the client is gone, and then reading tells so.
    let _ = stream.set_nodelay(true);
    let downstream = ClientStream::new(stream, shared.limits.stall_timeout);
    match shared.kind {
        Kind::Http => http::serve(shared, downstream, peer, worker).await,
        Kind::Tcp => tcp::serve(shared, downstream, peer).await,
        Kind::Auto => auto::serve(shared, downstream, peer, worker).await,
    }
}
