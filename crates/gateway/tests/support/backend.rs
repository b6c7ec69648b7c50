//! A replica that does what the path tells it.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::client::LONG;

type Body = BoxBody<Bytes, Infallible>;

/// What a replica saw, shared by all replicas of a test if need be.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    /// The body of every POST, as often as it came.
    pub(crate) posts: Mutex<Vec<String>>,
    /// Each permit lets one piece of `/gated`, or the answer of `/held`, go.
    pub(crate) gate: Semaphore,
}

impl Default for Seen {
    fn default() -> Self {
        Self { requests: AtomicUsize::new(0), posts: Mutex::default(), gate: Semaphore::new(0) }
    }
}

/// A running replica. Dropping it is what `kill -9` does: its listener and all its connections end at once.
pub(crate) struct Backend {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

impl Backend {
    pub(crate) async fn start(seen: Arc<Seen>) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), seen).await
    }

    pub(crate) async fn start_at(addr: SocketAddr, seen: Arc<Seen>) -> Self {
        let listener = timeout(LONG, bind(addr)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&seen)));
        Self { addr, seen, _tasks: tasks }
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

/// Binds as soon as a replica that was dropped has let go of the address.
async fn bind(addr: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(addr).await {
            Ok(listener) => return listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => sleep(Duration::from_millis(2)).await,
            Err(error) => panic!("{addr}: {error}"),
        }
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        connections.spawn(serve(stream, Arc::clone(&seen)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, seen: Arc<Seen>) {
    let switched = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&switched);
    let service = service_fn(move |request| {
        let (seen, flag) = (Arc::clone(&seen), Arc::clone(&flag));
        async move { Ok::<_, Infallible>(answer(request, &seen, &flag).await) }
    });
    let mut connection = Builder::new().serve_connection(TokioIo::new(stream), service);
    if std::pin::Pin::new(&mut connection).await.is_err() || !*switched.lock().unwrap() {
        return;
    }
    // The other protocol: what comes is sent back.
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let mut bytes = parts.read_buf.to_vec();
    loop {
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.clear();
        if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            return;
        }
    }
}

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).boxed())
}

/// The headers as they came, one a line, sorted.
fn listing(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join("\n")
}

/// A body that comes in pieces, of no known length.
struct Pieces(mpsc::Receiver<Frame<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

/// A response whose body is what the task sends.
fn streamed<F: Future<Output = ()> + Send + 'static>(
    task: impl FnOnce(mpsc::Sender<Frame<Bytes>>) -> F,
) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(task(sender));
    Response::new(Pieces(receiver).boxed())
}

async fn gated(seen: Arc<Seen>, pieces: usize, sender: mpsc::Sender<Frame<Bytes>>) {
    for number in 0..pieces {
        seen.gate.acquire().await.unwrap().forget();
        let piece = Frame::data(Bytes::from(format!("piece {number}\n")));
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

async fn big(megabytes: usize, sender: mpsc::Sender<Frame<Bytes>>) {
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..megabytes {
        if sender.send(Frame::data(piece.clone())).await.is_err() {
            return;
        }
    }
}

async fn with_trailers(sender: mpsc::Sender<Frame<Bytes>>) {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());
    for frame in [Frame::data(Bytes::from("data")), Frame::trailers(trailers)] {
        if sender.send(frame).await.is_err() {
            return;
        }
    }
}

async fn count(mut body: Incoming) -> usize {
    let mut total = 0;
    while let Some(Ok(frame)) = body.frame().await {
        total += frame.into_data().map_or(0, |data| data.len());
    }
    total
}

async fn answer(request: Request<Incoming>, seen: &Arc<Seen>, switched: &Mutex<bool>) -> Response<Body> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let number = parts.uri.query().and_then(|query| query.parse().ok()).unwrap_or(0);
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/count") => text(count(body).await.to_string()),
        (&Method::POST, "/early") => {
            let mut response = text("too much");
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            response
        }
        (&Method::POST, _) => {
            let Ok(content) = body.collect().await else { return text("broken") };
            let content = String::from_utf8(content.to_bytes().to_vec()).unwrap();
            seen.posts.lock().unwrap().push(content.clone());
            text(content)
        }
        (_, "/headers") => {
            let line = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
            text(line + &listing(&parts.headers))
        }
        (_, "/hop") => {
            let mut response = text("hop");
            for (name, value) in [
                ("connection", "x-private"),
                ("x-private", "1"),
                ("keep-alive", "timeout=5"),
                ("x-public", "1"),
            ] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        (_, "/gated") => streamed(|sender| gated(Arc::clone(seen), number, sender)),
        (_, "/held") => {
            seen.gate.acquire().await.unwrap().forget();
            text("held")
        }
        (_, "/big") => streamed(|sender| big(number, sender)),
        (_, "/trailers") => {
            let mut response = streamed(with_trailers);
            response.headers_mut().insert("trailer", "x-sum".parse().unwrap());
            response
        }
        (_, "/empty") => {
            let mut response = text("");
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        (_, "/ws") if parts.headers.contains_key("upgrade") => {
            *switched.lock().unwrap() = true;
            let mut response = text("");
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            for (name, value) in [("connection", "Upgrade"), ("upgrade", "echo"), ("x-key", "1")] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        _ => text("hello"),
    }
}
