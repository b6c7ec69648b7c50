//! Taking clients in, and closing. Each thread does so for itself, and serves whom it has taken in: a client that changes
//! threads waits for the other one to wake up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backlot_sockets::ClientStream;
use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::Kind;
use crate::http;
use crate::serving::doors::{Doors, Handed, Place};
use crate::serving::{auto, tcp};
use crate::shared::Shared;

/// After an error that will not go away by trying at once, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// How an endpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Clients' connections that were cut because the grace period was over.
    pub cut: usize,
}

/// One thread's part of an endpoint.
pub(crate) struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) listener: TcpListener,
    pub(crate) doors: Arc<Doors>,
    /// Clients that other threads have taken in.
    pub(crate) handed: UnboundedReceiver<Handed>,
}

impl Door {
    /// Serves clients until `stop` holds the time at which it has to be over.
    pub(crate) async fn run(
        mut self,
        mut stop: watch::Receiver<Option<Instant>>,
        stopped: watch::Sender<Option<Stopped>>,
    ) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = accept(&self.listener, &self.doors) => match accepted {
                    Ok((_, peer)) if !self.shared.lets_in(peer.ip()) => (),
                    Ok((stream, peer)) => self.take_in(&mut connections, stream, peer),
                    Err(error) if is_of_one_client(&error) => (),
                    Err(_) => sleep(PAUSE).await,
                },
                Some(client) = self.handed.recv() => receive(&self.shared, &mut connections, client),
                Some(_) = connections.join_next() => (),
                _ = stop.changed() => break,
            }
        }
        let Self { shared, listener, doors, mut handed, .. } = self;
        drop(listener);
        shared.closing.set();
        // Whoever was let in is served, wherever it was on its way to.
        handed.close();
        while let Ok(client) = handed.try_recv() {
            receive(&shared, &mut connections, client);
        }
        // Without a time (all handles are gone) it is over at once.
        let deadline = stop.borrow().unwrap_or_else(Instant::now);
        while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
        let cut = connections.len();
        connections.shutdown().await;
        if let Some(cut) = doors.shut(cut) {
            shared.rotation.clear();
            stopped.send_replace(Some(Stopped { cut }));
        }
    }

    /// Serves a client here, or has it served where there is less to do.
    fn take_in(&self, connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr) {
        let place = self.doors.place(self.worker);
        if place.worker == self.worker {
            connections.spawn(serve(Arc::clone(&self.shared), stream, peer, place));
        } else if let Ok(stream) = stream.into_std()
            && let Err(client) = self.doors.hand((stream, peer, place))
        {
            receive(&self.shared, connections, client);
        }
    }
}

/// Serves a client that another thread has taken in.
fn receive(shared: &Arc<Shared>, connections: &mut JoinSet<()>, (stream, peer, place): Handed) {
    if let Ok(stream) = TcpStream::from_std(stream) {
        connections.spawn(serve(Arc::clone(shared), stream, peer, place));
    }
}

async fn accept(listener: &TcpListener, doors: &Doors) -> io::Result<(TcpStream, SocketAddr)> {
    doors.room().await;
    listener.accept().await
}

/// The client is gone already; the next one is not to blame.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr, place: Place) {
    // What is written is whole messages or streamed pieces; neither should wait for the other side's ack. It fails when
    // the client is gone, and then reading tells so.
    let _ = stream.set_nodelay(true);
    match shared.kind {
        Kind::Http => http::serve(shared, (stream, BytesMut::new()), peer, place.worker).await,
        Kind::Tcp => Box::pin(tcp::serve(shared, ClientStream::new(stream), peer)).await,
        Kind::Auto => auto::serve(shared, ClientStream::new(stream), peer, place.worker).await,
    }
}
