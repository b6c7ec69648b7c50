//! Taking clients in, and closing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::Kind;
use crate::endpoint::Stopped;
use crate::shared::Shared;
use crate::visitor::Visitor;
use crate::{http, tcp};

/// After an error that will not go away by trying at once, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves an endpoint until `stop` holds the time at which it has to be over.
pub(crate) async fn run(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stop: watch::Receiver<Option<Instant>>,
    stopped: watch::Sender<Option<Stopped>>,
) {
    let mut connections = JoinSet::new();
    let most = shared.limits.max_connections;
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => { connections.spawn(serve(Arc::clone(&shared), stream, peer)); }
                Err(error) if is_of_one_client(&error) => (),
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => (),
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    shared.closing.say();
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

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // What is written is whole messages or streamed pieces; neither should wait for the other side's ack. It fails when
    // the client is gone, and then reading tells so.
    let _ = stream.set_nodelay(true);
    let visitor = Visitor::new(stream, shared.limits.stall_timeout);
    match shared.kind {
        Kind::Http => http::serve(shared, visitor, peer).await,
        Kind::Tcp => tcp::serve(shared, visitor, peer).await,
    }
}
