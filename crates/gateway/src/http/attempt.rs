//! One attempt to have a request answered by one replica.

use std::io;
use std::pin::pin;
use std::task::Poll;

use backlot_sockets::{ConnectError, ReplicaStream};
use tokio::net::tcp::WriteHalf;
use tokio::time::Instant;

use crate::balancing::in_flight::InFlight;
use crate::http::answer::{Cause, Failure};
use crate::http::client::Ticket;
use crate::http::forward::Visitor;
use crate::http::presence;
use crate::http::relay::{Ended, Last, Relay};
use crate::http::upload::{Fault, Progress, Upload};
use crate::messages::body::Framing;
use crate::messages::request::Request;
use crate::messages::response::{Afterwards, finish};
use crate::messages::rules::Reached;
use crate::wire::buffer::{Buffer, HEAD};
use crate::wire::moving::{JOINED, write_all};

/// What a client that asks for it is told when a replica has the head.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What came of it, if the replica did its part.
pub(crate) enum Outcome {
    /// The client has its answer; `stays` tells whether its connection is there for another request.
    Answered { stays: bool },
    /// The client is gone, or its answer broke off.
    Over,
    /// Both sides speak another protocol; this was already read from the replica.
    Switched { upstream: ReplicaStream, read: Vec<u8>, in_flight: InFlight },
}

/// What connection an attempt needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// One of its own.
    New,
    /// One that was used before, if there is any.
    Any,
    /// The same, where nothing speaks for its end.
    Sure,
}

/// What is asked, and how far its body has come.
pub(crate) struct Question<'q> {
    pub(crate) request: &'q Request,
    pub(crate) upload: &'q mut Upload,
    pub(crate) progress: &'q Progress,
    /// The client was not told yet that it may send its body.
    pub(crate) waits: &'q mut bool,
}

impl<'c> Visitor<'_, 'c> {
    /// Has a request answered by a replica.
    pub(crate) async fn attempt(
        &mut self,
        question: Question<'_>,
        ticket: &mut Ticket<'c>,
        in_flight: InFlight,
        link: Link,
    ) -> Result<Outcome, Failure> {
        let Question { request, upload, progress, waits } = question;
        let shared = &self.client.shared;
        let mut upstream = self.connect(&in_flight, link).await?;
        let (from, mut to) = upstream.split();
        self.send_head(&mut to, upload, progress).await?;
        let asked = Instant::now();
        if std::mem::take(waits) && !self.say(CONTINUE).await {
            return Ok(Outcome::Over);
        }
        let peer = self.client.peer;
        let mut relay = Relay {
            from,
            writer: &mut self.writer,
            timer: &mut self.timer,
            request,
            progress,
            ticket,
            shared,
            asked,
            input: Buffer::default(),
            head: Vec::with_capacity(HEAD),
        };
        let ended = {
            let (reader, input, patience) = (&mut self.reader, &mut self.input, &mut self.patience);
            let mut side = pin!(async {
                if !progress.is_whole() {
                    upload.send((reader, input), &mut to, (patience, progress)).await?;
                }
                presence::left(reader, !input.is_empty(), peer).await;
                Ok::<(), Fault>(())
            });
            let mut relaying = pin!(relay.run());
            std::future::poll_fn(|context| match relaying.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(Ok(ended)),
                Poll::Pending => side.as_mut().poll(context).map(Err),
            })
            .await
        };
        match ended {
            Ok(Err(failure)) => Err(failure),
            Err(Err(fault)) if relay.ticket.status.is_none() => {
                Err(Failure { cause: Cause::Client(fault), reached: Reached::Replica })
            }
            Err(_) | Ok(Ok(Ended::Cut)) => Ok(Outcome::Over),
            Ok(Ok(Ended::Switched)) => {
                finish(&mut relay.head, None, Afterwards::Stays);
                relay.ticket.status = Some(101);
                if relay.write(0, &[]).await.is_err() {
                    return Ok(Outcome::Over);
                }
                let read = relay.input.unused().to_vec();
                Ok(Outcome::Switched { upstream, read, in_flight })
            }
            Ok(Ok(Ended::Whole(last))) => {
                let Relay { input, head, .. } = relay;
                let is_whole = progress.is_whole();
                self.keep(upstream, in_flight, last.rests && is_whole);
                let stays = request.keeps && last.stays && is_whole;
                Ok(self.end(request, ticket, (head, input), last, stays).await)
            }
        }
    }

    /// Lets a connection rest for another request, or closes it. Only then does its replica count as free.
    fn keep(&self, upstream: ReplicaStream, in_flight: InFlight, rests: bool) {
        if rests {
            in_flight.replica().pool.give(upstream, self.client.worker);
            self.client.shared.sweep_later();
        } else {
            drop(upstream);
        }
        drop(in_flight);
    }

    /// A connection to the replica.
    async fn connect(&self, in_flight: &InFlight, link: Link) -> Result<ReplicaStream, Failure> {
        let replica = in_flight.replica();
        let (worker, now) = (self.client.worker, std::time::Instant::now());
        let used_before = match link {
            Link::New => None,
            Link::Any => replica.pool.take(worker, now),
            Link::Sure => replica.pool.take_sure(worker, now),
        };
        if let Some(upstream) = used_before {
            return Ok(upstream);
        }
        let connecting = Box::pin(replica.connect(self.client.shared.limits.connect_timeout));
        connecting
            .await
            .map_err(|error: ConnectError| Failure { cause: Cause::Connect(error), reached: Reached::Nobody })
    }

    /// Sends the head, and the body with it if that is here already.
    async fn send_head(
        &mut self,
        to: &mut WriteHalf<'_>,
        upload: &Upload,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let limit = self.client.shared.limits.response_timeout;
        let body = if progress.is_whole() { Some(0) } else { upload.lies_in(&self.input) };
        let pieces = [&self.head, &self.input.unused()[..body.unwrap_or(0)], &[]];
        let mut written = 0;
        let sent = write_all(to, pieces, &mut self.timer, limit, &mut written).await;
        if written > self.head.len() {
            progress.set_taken();
        }
        if let Err(error) = sent {
            let is_late = error.kind() == io::ErrorKind::TimedOut;
            let cause = if is_late { Cause::Silent(limit) } else { Cause::Died };
            let reached = if written > 0 { Reached::Replica } else { Reached::Nobody };
            return Err(Failure { cause, reached });
        }
        if let Some(length) = body {
            self.input.use_up(length);
            progress.set_whole();
        }
        Ok(())
    }

    /// Gives the client the end of its answer.
    async fn end(
        &mut self,
        request: &Request,
        ticket: &mut Ticket<'c>,
        (mut head, input): (Vec<u8>, Buffer),
        last: Last,
        mut stays: bool,
    ) -> Outcome {
        if let Some(response) = last.held {
            ticket.status = Some(response.status);
            stays &= !self.client.shared.closing.is_set();
            let has_body = !(request.is_head || matches!(response.status, 204 | 304));
            let framing = has_body.then_some(Framing::Length(last.content as u64));
            finish(&mut head, framing, Afterwards::of(request.is_old, stays));
        }
        let (mut content, mut end) = (&input.unused()[..last.content], &last.end[..]);
        if content.len() + end.len() <= JOINED {
            head.extend_from_slice(content);
            head.extend_from_slice(end);
            (content, end) = (&[], &[]);
        }
        let written = self.write([&head, content, end]).await;
        if !written {
            return Outcome::Over;
        }
        ticket.bytes += last.content as u64;
        Outcome::Answered { stays }
    }
}
