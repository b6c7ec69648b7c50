//! A client's requests, one after the other, each to a replica that answers it.

use std::task::{Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::balancing::recheck::unreachable;
use crate::http::answer::{Cause, Trouble, answer};
use crate::http::attempt::{Link, Outcome, Question};
use crate::http::client::{Client, Switch, Ticket};
use crate::http::upload::{Progress, Upload};
use crate::messages::body::Framing;
use crate::messages::request::{self, Request};
use crate::messages::response::Afterwards;
use crate::messages::rules::{ATTEMPTS, BodyLeft, REQUEST_HEAD_BYTES, Reached, Refusal, bad, may_repeat};
use crate::wire::buffer::{Buffer, HEAD, USUAL};
use crate::wire::moving::{poll_fill, write_all};
use crate::wire::timer::Timer;

/// A client's connection while HTTP is spoken on it.
pub(crate) struct Visitor<'s, 'c> {
    pub(crate) client: &'c Client,
    pub(crate) reader: ReadHalf<'s>,
    pub(crate) writer: WriteHalf<'s>,
    /// What the client has said and was not used yet.
    pub(crate) input: Buffer,
    /// What replicas are sent for the request.
    pub(crate) head: Vec<u8>,
    /// For what is awaited of the replica, or of the client between requests.
    pub(crate) timer: Timer,
    /// For the client's body meanwhile.
    pub(crate) patience: Timer,
    /// When the client was given something last.
    last_write: Instant,
}

/// What comes after a request.
enum Next<'c> {
    Request,
    Nothing,
    Protocol(Box<Switch<'c>>),
}

/// Serves a client that has said `heard` so far, until it leaves, is idle for too long, or the endpoint closes.
pub(crate) async fn visit<'c>(
    client: &'c Client,
    stream: &mut TcpStream,
    heard: BytesMut,
) -> Option<Box<Switch<'c>>> {
    let (reader, writer) = stream.split();
    let mut visitor = Visitor {
        client,
        reader,
        writer,
        input: Buffer::holding(&heard),
        head: Vec::new(),
        timer: Timer::default(),
        patience: Timer::default(),
        last_write: Instant::now(),
    };
    drop(heard);
    while let Some(request) = visitor.request().await {
        // What is only there while a request is answered takes no room from connections that are idle.
        match Box::pin(visitor.answer(request)).await {
            Next::Request => {}
            Next::Nothing => return None,
            Next::Protocol(switch) => return Some(switch),
        }
    }
    None
}

impl<'c> Visitor<'_, 'c> {
    /// The next request; nothing when no more comes.
    async fn request(&mut self) -> Option<Request> {
        let mut seen = 0;
        loop {
            let unused = self.input.unused();
            if !unused.is_empty() && (seen == 0 || is_worth_reading(unused, seen)) {
                self.head.clear();
                self.head.reserve(HEAD);
                match request::read(unused, &self.client.asker(), &mut self.head) {
                    Ok(Some(request)) => return Some(request),
                    Ok(None) => {}
                    Err(refusal) => {
                        self.reject(refusal).await;
                        return None;
                    }
                }
            }
            seen = unused.len();
            if !self.listen().await {
                return None;
            }
        }
    }

    /// Reads more of a head; false when there is no more.
    async fn listen(&mut self) -> bool {
        let deadline = self.last_write + self.client.shared.limits.idle_timeout;
        let Self { client, reader, input, head, timer, .. } = self;
        let is_idle = input.is_empty();
        if is_idle {
            input.shrink();
            *head = Vec::new();
        }
        let wanted = if input.unused().len() < USUAL / 2 { USUAL } else { REQUEST_HEAD_BYTES + USUAL };
        std::future::poll_fn(|context| {
            if !is_idle || reader.as_ref().poll_read_ready(context).is_ready() {
                if let Poll::Ready(read) = poll_fill(reader, input, wanted, context) {
                    return Poll::Ready(matches!(read, Ok(1..)));
                }
                // Nothing is kept for a client that says nothing.
                input.shrink();
            }
            if !(is_idle && client.shared.closing.is_set()) {
                ready!(timer.poll(context, deadline));
            }
            Poll::Ready(false)
        })
        .await
    }

    /// Has a request answered, in whatever way.
    async fn answer(&mut self, request: Request) -> Next<'c> {
        let mut ticket = Ticket::new(self.client, &request, self.input.unused());
        self.input.use_up(request.length);
        let mut upload =
            Upload::new(request.framing, request.has_trailers, self.client.shared.limits.stall_timeout);
        let progress = Progress::new(ticket.begun, request.has_body());
        let found = match request.refused {
            Some(refusal) => Err(Trouble::Refused(refusal)),
            None if request.framing == Framing::Chunked && !Upload::is_framed(&self.input) => {
                Err(Trouble::Refused(bad("the body is not in chunks")))
            }
            None => self.seek(&request, &mut upload, &progress, &mut ticket).await,
        };
        match found {
            Ok(Outcome::Answered { stays: true }) => Next::Request,
            Ok(Outcome::Answered { stays: false }) => {
                if !progress.is_whole() {
                    self.hang_up().await;
                }
                Next::Nothing
            }
            Ok(Outcome::Over) => Next::Nothing,
            Ok(Outcome::Switched { upstream, read, in_flight }) => {
                let read = (self.input.unused().to_vec(), read);
                Next::Protocol(Box::new(Switch { upstream, read, in_flight, ticket }))
            }
            Err(trouble) => self.refuse(&request, &trouble, (upload, progress), ticket).await,
        }
    }

    /// Asks replicas until one answers, or until the request cannot be given to another one.
    async fn seek(
        &mut self,
        request: &Request,
        upload: &mut Upload,
        progress: &Progress,
        ticket: &mut Ticket<'c>,
    ) -> Result<Outcome, Trouble> {
        let shared = &self.client.shared;
        let waited = shared.limits.queue_wait;
        let deadline = ticket.begun + waited;
        let mut tried = Vec::new();
        let (mut sends, mut last, mut waits) = (0, None, request.waits);
        loop {
            let Some(in_flight) = shared.rotation.acquire(&tried, deadline).await else {
                return Err(Trouble::NoReplica { waited, last });
            };
            let replica = in_flight.replica().clone();
            ticket.attempts += 1;
            ticket.replica = Some(replica.clone());
            // A connection at rest may be closed at any moment, and only what can be repeated survives that.
            let link = match request.is_idempotent && !request.has_body() {
                _ if request.upgrades || ticket.attempts > 1 => Link::New,
                true => Link::Any,
                false => Link::Sure,
            };
            let question = Question { request, upload, progress, waits: &mut waits };
            let failure = match self.attempt(question, ticket, in_flight, link).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            if link == Link::Sure && matches!(failure.cause, Cause::Died) {
                replica.pool.distrust();
            }
            if matches!(&failure.cause, Cause::Connect(error) if error.blames_replica()) {
                unreachable(shared, &replica);
            }
            sends += u32::from(failure.reached == Reached::Replica);
            let left = if progress.is_untouched() { BodyLeft::All } else { BodyLeft::Part };
            let again = failure.cause.helps_elsewhere()
                && may_repeat(request.is_idempotent, left, failure.reached, sends);
            if !again || ticket.attempts >= ATTEMPTS {
                return Err(Trouble::Failed { replica: replica.id.clone(), cause: failure.cause });
            }
            last = Some((replica.id.clone(), failure.cause));
            tried.push(replica);
        }
    }

    /// Answers what no replica answers. The connection stays if it is clear where the next request begins.
    async fn refuse(
        &mut self,
        request: &Request,
        trouble: &Trouble,
        (mut upload, progress): (Upload, Progress),
        mut ticket: Ticket<'c>,
    ) -> Next<'c> {
        let is_client_s = matches!(trouble, Trouble::Failed { cause: Cause::Client(_), .. });
        let mut is_whole = progress.is_whole();
        // What was begun to be sent is no longer framed as the client has framed it: nobody knows where the next one begins.
        if !is_whole && progress.is_untouched() && !request.waits && !is_client_s {
            is_whole = upload.discard((&mut self.reader, &mut self.input), &mut self.patience).await;
        }
        let stays = request.keeps && is_whole && !self.client.shared.closing.is_set();
        let afterwards = Afterwards::of(request.is_old, stays);
        ticket.status = Some(trouble.status().0);
        let (head, text) = answer(&self.client.shared.name, trouble, request.is_old, afterwards);
        let body = if request.is_head { "" } else { &text };
        if self.write([&head, body.as_bytes(), &[]]).await {
            ticket.bytes = body.len() as u64;
            if stays {
                return Next::Request;
            }
            if !is_whole {
                self.hang_up().await;
            }
        }
        Next::Nothing
    }

    /// Answers what is no request, or one that nobody knows the end of.
    async fn reject(&mut self, refusal: Refusal) {
        let trouble = Trouble::Refused(refusal);
        let (head, text) = answer(&self.client.shared.name, &trouble, false, Afterwards::Closes);
        if self.write([&head, text.as_bytes(), &[]]).await {
            self.hang_up().await;
        }
    }

    /// Ends the connection of a client that may still be sending: were it closed with something unread, it would be reset,
    /// and the answer with it.
    async fn hang_up(&mut self) {
        if self.writer.shutdown().await.is_ok() {
            let mut rest = Upload::new(Framing::Close, false, self.client.shared.limits.stall_timeout);
            rest.discard((&mut self.reader, &mut self.input), &mut self.patience).await;
        }
    }

    /// Tells the client something by the way.
    pub(crate) async fn say(&mut self, words: &[u8]) -> bool {
        self.write([words, &[], &[]]).await
    }

    /// Gives the client some pieces.
    pub(crate) async fn write(&mut self, [head, content, end]: [&[u8]; 3]) -> bool {
        let limit = self.client.shared.limits.stall_timeout;
        let written = write_all(&mut self.writer, [head, content, end], &mut self.timer, limit, &mut 0).await;
        self.last_write = Instant::now();
        written.is_ok()
    }
}

/// Whether a head may have become whole by what came after its first `seen` bytes, or too long.
fn is_worth_reading(bytes: &[u8], seen: usize) -> bool {
    let new = &bytes[seen.saturating_sub(3)..];
    bytes.len() >= REQUEST_HEAD_BYTES
        || new.windows(2).any(|pair| pair == b"\n\n")
        || new.windows(3).any(|three| three == b"\n\r\n")
}
