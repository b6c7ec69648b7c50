//! One attempt to have a request answered by one replica.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use backlot_sockets::{ConnectError, ReplicaStream, Stall};
use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::balancing::in_flight::InFlight;
use crate::http::headers::Outgoing;
use crate::http::response_body::{Source, Streamed};
use crate::http::retry::Reached;
use crate::shared::Shared;
use crate::upstream::link::Link;
use crate::upstream::request_body::{Fault, Progress, RequestBody, Upload};

/// A body of at most so many bytes is read whole before the client gets anything of the response. Until then another
/// replica can still be asked, and the replica is free as soon as it has answered, however slowly the client reads.
const HOLD_BYTES: u64 = 64 * 1024;

/// And it is held for at most so long.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// What a replica answers.
pub(crate) struct Reply {
    pub(crate) parts: response::Parts,
    pub(crate) content: ReplyContent,
}

/// What comes after the head.
pub(crate) enum ReplyContent {
    /// All of the body.
    Whole(Bytes),
    /// The body as it comes.
    Streamed(Box<Streamed>),
    /// No body: another protocol.
    Switched { upstream: ReplicaStream, read: Bytes, in_flight: InFlight },
}

/// Why an attempt failed, and how far it got.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) reached: Reached,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    Connect(ConnectError),
    #[error("the connection broke before the answer was whole")]
    Died(#[source] Option<hyper::Error>),
    #[error("the answer is not HTTP")]
    Garbled(#[source] hyper::Error),
    #[error("it changed protocols unasked")]
    Switched,
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Client(Fault),
}

/// A request to be answered.
pub(crate) struct Attempt<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) outgoing: &'a Outgoing,
    pub(crate) upload: Option<&'a Upload>,
    /// A connection that was used before will do.
    pub(crate) pooled: bool,
}

impl Attempt<'_> {
    /// Has the request answered by a replica.
    pub(crate) async fn run(&self, in_flight: InFlight) -> Result<Reply, Failure> {
        let begun = Instant::now();
        let mut link = self.link(&in_flight, begun).await?;
        let response = match self.exchange(&mut link, begun).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(self.failed(&link, error)),
            None => {
                let cause = Cause::Silent(self.shared.limits.response_timeout);
                return Err(Failure { cause, reached: Reached::Replica });
            }
        };
        self.shared.habits.answered_http();
        let (parts, incoming) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            if self.outgoing.upgrade.is_none() {
                return Err(Failure { cause: Cause::Switched, reached: Reached::Replica });
            }
            let (upstream, read) = link.into_stream().await.map_err(|error| Failure {
                cause: Cause::Connect(ConnectError::Io(error)),
                reached: Reached::Replica,
            })?;
            return Ok(Reply { parts, content: ReplyContent::Switched { upstream, read, in_flight } });
        }
        let source = Source { link, in_flight, shared: Arc::clone(self.shared), worker: self.worker };
        self.receive(parts, incoming, source).await
    }

    /// Sends the request and waits for the head of the response; nothing if the replica keeps silent. Time in which it
    /// is still sent something, or in which it waits for the client, does not count.
    async fn exchange(
        &self,
        link: &mut Link,
        begun: Instant,
    ) -> Option<Result<Response<Incoming>, Option<hyper::Error>>> {
        let limit = self.shared.limits.response_timeout;
        let body = self.upload.map_or(RequestBody::Empty, Upload::body);
        let mut exchange = std::pin::pin!(link.exchange(self.outgoing.request(body)));
        let mut deadline = begun + limit;
        loop {
            if let Ok(response) = timeout_at(deadline, exchange.as_mut()).await {
                return Some(response);
            }
            let progress = self.upload.map_or(Progress::At(begun), Upload::progress);
            deadline = match progress {
                Progress::AwaitsClient => Instant::now() + limit,
                Progress::At(moved) if moved + limit > deadline => moved + limit,
                Progress::At(_) => return None,
            };
        }
    }

    async fn link(&self, in_flight: &InFlight, begun: Instant) -> Result<Box<Link>, Failure> {
        let replica = in_flight.replica();
        if self.pooled
            && let Some(link) = replica.pool.take(self.worker, begun.into_std())
        {
            return Ok(link);
        }
        let failed = |cause| Failure { cause, reached: Reached::Nobody };
        let upstream = replica
            .connect(self.shared.limits.connect_timeout)
            .await
            .map_err(|error| failed(Cause::Connect(error)))?;
        Link::new(upstream).await.map_err(|error| failed(Cause::Died(Some(error))))
    }

    fn failed(&self, link: &Link, error: Option<hyper::Error>) -> Failure {
        let reached = if link.wrote() { Reached::Replica } else { Reached::Nobody };
        let cause = match (self.upload.and_then(Upload::fault), error) {
            (Some(fault), _) => Cause::Client(fault),
            (None, Some(error)) if error.is_parse() => Cause::Garbled(error),
            (None, error) => Cause::Died(error),
        };
        Failure { cause, reached }
    }

    /// Reads the body if it is short, else leaves it to be streamed.
    async fn receive(
        &self,
        parts: response::Parts,
        mut incoming: Incoming,
        mut source: Source,
    ) -> Result<Reply, Failure> {
        let mut held = Held::default();
        if incoming.size_hint().exact().is_some_and(|length| length <= HOLD_BYTES) {
            match held.read_all(&mut source.link, &mut incoming).await {
                Some(Ok(())) => {
                    finish(source).await;
                    return Ok(Reply { parts, content: ReplyContent::Whole(held.into_bytes()) });
                }
                Some(Err(cause)) => return Err(Failure { cause, reached: Reached::Replica }),
                None => (),
            }
        }
        let stall = Stall::new(self.shared.limits.stall_timeout);
        let held = Some(held.into_bytes()).filter(|bytes| !bytes.is_empty());
        let streamed = Streamed { held, incoming, source: Some(source), stall };
        Ok(Reply { parts, content: ReplyContent::Streamed(Box::new(streamed)) })
    }
}

async fn finish(source: Source) {
    let mut source = Some(source);
    std::future::poll_fn(|context| {
        if let Some(source) = source.take() {
            source.finish(context);
        }
        Poll::Ready(())
    })
    .await;
}

/// The beginning of a body. The first piece, mostly the only one, is not copied.
#[derive(Default)]
struct Held {
    first: Bytes,
    more: BytesMut,
}

impl Held {
    fn add(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.first);
        }
        self.more.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }

    /// Reads to the end of the body; nothing if that takes too long.
    async fn read_all(&mut self, link: &mut Link, incoming: &mut Incoming) -> Option<Result<(), Cause>> {
        let mut patience = Stall::new(HOLD_TIME);
        std::future::poll_fn(|context| {
            while !incoming.is_end_stream() {
                match link.poll_frame(incoming, context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(piece) = frame.into_data() {
                            self.add(piece);
                        }
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Cause::Died(Some(error))))),
                    Poll::Ready(None) => break,
                    Poll::Pending if link.has_ended() => break,
                    Poll::Pending => return patience.poll_still(context).map(|()| None),
                }
            }
            let whole = incoming.is_end_stream();
            Poll::Ready(Some(if whole { Ok(()) } else { Err(Cause::Died(None)) }))
        })
        .await
    }
}
