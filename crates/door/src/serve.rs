//! Taking clients in.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backlot_sockets::Living;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::proxy::{Asker, MOST_HEADERS, Proxy};
use crate::tls::HELLO;

/// After an error that will not go away by trying at once, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a connection may be open without a whole request head on it.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client may take until it has agreed with us on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may leave unread what it was sent.
const STALL: Duration = Duration::from_mins(5);
/// How often it is looked after a client that says no more.
const LOOK: Duration = Duration::from_secs(1);
/// So many clients are served at once; more wait in the listener's backlog.
const MOST: usize = 4096;
/// How long those get who are being served when the door closes.
const GRACE: Duration = Duration::from_secs(1);

/// Serves clients until `over` is.
pub(crate) async fn serve(
    proxy: Arc<Proxy>,
    listeners: &[TcpListener],
    over: impl Future<Output = ()>,
) -> Clients {
    let mut clients = Clients(JoinSet::new());
    let mut over = std::pin::pin!(over);
    loop {
        tokio::select! {
            accepted = accept(listeners), if clients.0.len() < MOST => match accepted {
                Ok((stream, peer)) => drop(clients.0.spawn(attend(Arc::clone(&proxy), stream, peer))),
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = clients.0.join_next() => {}
            () = &mut over => return clients,
        }
    }
}

/// Those who are being served.
pub(crate) struct Clients(JoinSet<()>);

impl Clients {
    /// Gives them a moment; then they are cut.
    pub(crate) async fn finish(mut self) {
        let all = async { while self.0.join_next().await.is_some() {} };
        let _ = timeout(GRACE, all).await;
    }
}

/// The next client at any of these.
async fn accept(listeners: &[TcpListener]) -> std::io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|context| {
        let polled = listeners.iter().map(|listener| listener.poll_accept(context));
        polled.into_iter().find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
    })
    .await
}

async fn attend(proxy: Arc<Proxy>, stream: TcpStream, peer: SocketAddr) {
    // It fails when the client is gone, which reading tells.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    // A connection that was opened ahead of need says nothing for a while.
    if !matches!(timeout(IDLE, stream.peek(&mut first)).await, Ok(Ok(1))) {
        return;
    }
    if first[0] == HELLO {
        if let Ok(Some(stream)) = timeout(HANDSHAKE, proxy.tls.accept(stream)).await {
            speak(proxy, stream, Asker { peer, scheme: "https" }).await;
        }
        return;
    }
    let Ok(local) = stream.local_addr() else { return };
    let stream = Client::new(stream, STALL);
    let half_closed = stream.half_closed();
    tokio::select! {
        () = speak(proxy, stream, Asker { peer, scheme: "http" }) => {}
        () = gone(&half_closed, local, peer) => {}
    }
}

/// Waits until a client that says no more has closed its socket: until then it may wait for its answer.
async fn gone(half_closed: &AtomicBool, local: SocketAddr, peer: SocketAddr) {
    loop {
        sleep(LOOK).await;
        // It reads a table that may be long.
        let is_gone = move || Living::look().is_gone(local, peer);
        if half_closed.load(Ordering::Relaxed) && matches!(spawn_blocking(is_gone).await, Ok(true)) {
            return;
        }
    }
}

async fn speak(
    proxy: Arc<Proxy>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    asker: Asker,
) {
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.answer(request, asker).await) }
    });
    // Its errors are the client's: nobody is left to be told.
    let _ = Builder::new()
        .title_case_headers(true)
        .half_close(true)
        .max_headers(MOST_HEADERS)
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}
