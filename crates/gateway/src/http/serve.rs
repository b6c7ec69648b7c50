//! One client's connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use backlot_sockets::{ClientStream, Traffic, is_gone, pipe};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::client::{Client, Switch};
use crate::http::forward::forward;
use crate::http::response_body::ResponseBody;
use crate::shared::Shared;
use crate::upstream::link::MAX_HEADERS;

/// A request's head may be this long, as with nginx's usual buffers.
const HEAD_BYTES: usize = 32 * 1024;

/// What is read ahead of a body, and what is written behind it, for each connection.
const BUFFER_BYTES: usize = 128 * 1024;

/// How often it is looked after a client that says no more and waits for its answer.
const LOOK: Duration = Duration::from_secs(1);

/// Serves a client until it leaves, is idle for too long, or the endpoint closes.
pub(crate) async fn serve(shared: Arc<Shared>, downstream: ClientStream, peer: SocketAddr, worker: usize) {
    let client = Arc::new(Client::new(Arc::clone(&shared), &downstream, peer, worker));
    let traffic = downstream.traffic();
    let local = downstream.stream().local_addr();
    let service = {
        let client = Arc::clone(&client);
        service_fn(move |request: Request<Incoming>| {
            let client = Arc::clone(&client);
            async move { Ok::<Response<ResponseBody>, Infallible>(forward(client, request).await) }
        })
    };
    let connection = Builder::new()
        .title_case_headers(true)
        .max_header_size(HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .half_close(true)
        .max_buf_size(BUFFER_BYTES)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(downstream), service);
    let idle = Idle::new(Arc::clone(&client), Arc::clone(&traffic));
    let presence =
        Presence { client: Arc::clone(&client), traffic, ends: local.ok().zip(Some(peer)), looking: None };
    let Some((downstream, read)) = run(connection, idle, presence, &shared).await else { return };
    if let Some(switch) = client.take_switch() {
        switched(downstream, read, switch, shared.limits.stall_timeout).await;
    }
}

/// Runs the connection. If it changed protocols, its socket is left, and what was already read from it.
async fn run<S>(
    mut connection: Connection<TokioIo<ClientStream>, S>,
    mut idle: Idle,
    mut presence: Presence,
    shared: &Shared,
) -> Option<(ClientStream, Bytes)>
where
    S: HttpService<Incoming, ResBody = ResponseBody> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
{
    let mut closing = std::pin::pin!(shared.closing.notified());
    let mut listening = false;
    let mut told = false;
    let ended = std::future::poll_fn(|context| {
        if !listening {
            listening = true;
            // Once is enough to be woken; what has woken it is looked up each time.
            let _ = closing.as_mut().poll(context);
        }
        if !told && shared.closing.is_set() {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if idle.is_over(context) {
            return Poll::Ready(false);
        }
        // Its errors are the client's: nobody is left to be told.
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
            return Poll::Ready(ended.is_ok());
        }
        presence.poll_gone(context).map(|()| false)
    })
    .await;
    ended.then(|| {
        let parts = connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    })
}

/// The limit on a connection without a request.
struct Idle {
    client: Arc<Client>,
    traffic: Arc<Traffic>,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    running: bool,
}

impl Idle {
    fn new(client: Arc<Client>, traffic: Arc<Traffic>) -> Self {
        let limit = client.shared.limits.idle_timeout;
        Self { client, traffic, limit, timer: Box::pin(sleep(limit)), running: false }
    }

    /// The timer is set again only when it has run out: a busy connection costs a look at it and no more.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while !self.running || self.timer.is_elapsed() {
            if self.running {
                let now = Instant::now();
                let idle_since = Instant::from_std(self.traffic.last_write());
                let deadline = if self.client.is_busy() { now } else { idle_since } + self.limit;
                if deadline <= now {
                    return true;
                }
                self.timer.as_mut().reset(deadline);
            }
            self.running = self.timer.as_mut().poll(context).is_pending();
        }
        false
    }
}

/// Whether a client still waits for its answer that has said its last.
struct Presence {
    client: Arc<Client>,
    traffic: Arc<Traffic>,
    /// The connection's addresses, here and there.
    ends: Option<(SocketAddr, SocketAddr)>,
    looking: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Presence {
    /// Ready when the client is gone: nobody is left who would read the answer.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.traffic.is_half_closed() || !self.client.is_busy() {
            return Poll::Pending;
        }
        let Some((local, peer)) = self.ends else { return Poll::Pending };
        let looking = self.looking.get_or_insert_with(|| Box::pin(gone(local, peer)));
        looking.as_mut().poll(context)
    }
}

/// Waits until a client has closed its socket.
async fn gone(local: SocketAddr, peer: SocketAddr) {
    // It reads a table that may be long.
    while !matches!(spawn_blocking(move || is_gone(local, peer)).await, Ok(true)) {
        sleep(LOOK).await;
    }
}

/// Goes on in another protocol. The replica counts as busy until it ends.
async fn switched(downstream: ClientStream, read: Bytes, switch: Switch, tail: Duration) {
    let Switch { upstream, read: from_replica, in_flight, mut ticket } = switch;
    let traffic = downstream.traffic();
    let before = traffic.written();
    // Either side may break it off, and then it is over: nobody is left to be told.
    let _ = pipe(downstream, read, upstream, from_replica, tail).await;
    ticket.bytes = traffic.written() - before;
    drop(ticket);
    drop(in_flight);
}
