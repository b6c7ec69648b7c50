//! A response's body on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backlot_sockets::Stall;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::balancing::in_flight::InFlight;
use crate::http::client::Ticket;
use crate::shared::Shared;
use crate::upstream::link::Link;

/// A body, and the request that it ends.
pub(crate) struct ResponseBody {
    content: Content,
    /// Nothing when the request goes on as another protocol.
    ticket: Option<Ticket>,
}

enum Content {
    Whole(Option<Bytes>),
    Streamed(Box<Streamed>),
}

/// What is read from a replica while the client reads it. The replica counts as busy until its end.
pub(crate) struct Streamed {
    /// What was read before the client was given anything.
    pub(crate) held: Option<Bytes>,
    pub(crate) incoming: Incoming,
    pub(crate) source: Option<Source>,
    pub(crate) stall: Stall,
}

/// Where a body comes from, until it has ended. Given up together: first the connection, then the count.
pub(crate) struct Source {
    pub(crate) link: Box<Link>,
    pub(crate) in_flight: InFlight,
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
}

impl Source {
    /// Keeps the connection for another request if it has come to rest, else closes it.
    pub(crate) fn finish(mut self, context: &mut Context<'_>) {
        if self.link.settle(context) {
            self.in_flight.replica().pool.give(self.link, self.worker);
            self.shared.sweep_later();
        }
    }
}

/// Why a body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the replica sent nothing for too long")]
    Stalled,
    #[error("the replica's connection ended")]
    Ended,
    #[error(transparent)]
    Replica(#[from] hyper::Error),
}

impl ResponseBody {
    pub(crate) fn whole(bytes: Bytes, ticket: Ticket) -> Self {
        let bytes = if bytes.is_empty() { None } else { Some(bytes) };
        Self { content: Content::Whole(bytes), ticket: Some(ticket) }
    }

    pub(crate) fn nothing() -> Self {
        Self { content: Content::Whole(None), ticket: None }
    }

    pub(crate) fn streamed(body: Box<Streamed>, ticket: Ticket) -> Self {
        Self { content: Content::Streamed(body), ticket: Some(ticket) }
    }
}

impl Streamed {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let frame = match source.link.poll_frame(&mut self.incoming, context) {
            Poll::Ready(frame) => frame,
            Poll::Pending if source.link.has_ended() => {
                self.source = None;
                return Poll::Ready(Some(Err(Broken::Ended)));
            }
            Poll::Pending => {
                ready!(self.stall.poll_still(context));
                self.source = None;
                return Poll::Ready(Some(Err(Broken::Stalled)));
            }
        };
        self.stall.moved();
        let over = match &frame {
            None => true,
            // The client's side asks no further once it knows that this was the last.
            Some(Ok(_)) => self.incoming.is_end_stream(),
            Some(Err(_)) => {
                self.source = None;
                false
            }
        };
        if over && let Some(source) = self.source.take() {
            source.finish(context);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Broken::from)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match &mut self.content {
            Content::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Content::Streamed(streamed) => ready!(streamed.poll_frame(context)),
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Some(ticket) = &mut self.ticket
        {
            ticket.bytes += data.len() as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Streamed(streamed) => streamed.held.is_none() && streamed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Streamed(streamed) => match (streamed.incoming.size_hint().exact(), &streamed.held) {
                (Some(rest), Some(held)) => SizeHint::with_exact(rest + held.len() as u64),
                (Some(rest), None) => SizeHint::with_exact(rest),
                (None, _) => SizeHint::default(),
            },
        }
    }
}
