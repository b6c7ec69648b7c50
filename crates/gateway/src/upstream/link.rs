//! One HTTP connection to a replica.
//!
//! hyper's connection is a future of its own, which is usually given to a task. Here it is polled by whoever uses the
//! connection: a request then costs no task and no change of threads. Everything that hyper's other parts (the response,
//! its body) wait for happens inside of that poll, so they are asked right after it and need not wake anybody.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use backlot_sockets::ReplicaStream;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use crate::upstream::request_body::RequestBody;

/// A message has at most so many lines of headers, as with nginx's own limit.
pub(crate) const MAX_HEADERS: usize = 1000;

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(crate) struct Link {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<ReplicaStream>, RequestBody>,
    /// The connection's future has ended and must not be polled.
    ended: bool,
    wrote: Arc<AtomicBool>,
}

impl Link {
    pub(crate) async fn new(upstream: ReplicaStream) -> Result<Box<Self>, hyper::Error> {
        let wrote = upstream.wrote();
        let (sender, connection) = Builder::new()
            .title_case_headers(true)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(upstream))
            .await?;
        Ok(Box::new(Self { sender, connection, ended: false, wrote }))
    }

    /// Lets the connection do what it can. True when it has ended.
    fn drive(&mut self, context: &mut Context<'_>) -> bool {
        if !self.ended {
            self.ended = Pin::new(&mut self.connection).poll(context).is_ready();
        }
        self.ended
    }

    /// Whether nothing more will come of it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a connection at rest can be used, as far as one can see from here.
    pub(crate) fn is_alive(&mut self) -> bool {
        // Unconstrained: with its budget used up, a task could not tell a dead connection from one that is alive, and
        // to look at the dead ones is what uses it up.
        let look = unconstrained(std::future::poll_fn(|context| Poll::Ready(self.drive(context))));
        match std::pin::pin!(look).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => !ended && self.sender.is_ready(),
            Poll::Pending => false,
        }
    }

    /// Whether the connection has come to rest after a response was read to its end.
    pub(crate) fn settle(&mut self, context: &mut Context<'_>) -> bool {
        (self.sender.is_ready() || !self.drive(context)) && self.sender.is_ready()
    }

    /// Whether anything of the last request was written.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of the response. The error is nothing when the connection ended just
    /// before it took the request.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Option<hyper::Error>> {
        self.wrote.store(false, Ordering::Relaxed);
        // Unconstrained: a budget that is used up would be told to the waker, and there is none.
        let mut response = std::pin::pin!(unconstrained(self.sender.try_send_request(request)));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        std::future::poll_fn(|context| {
            if !*ended {
                *ended = Pin::new(&mut *connection).poll(context).is_ready();
            }
            match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => Poll::Ready(answer.map_err(|error| Some(error.into_error()))),
                // A connection that ended while at rest leaves the request lying in its queue.
                Poll::Pending if *ended => Poll::Ready(Err(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The next piece of the response's body.
    pub(crate) fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let nobody = &mut Context::from_waker(Waker::noop());
        let frame = Pin::new(&mut *incoming).poll_frame(nobody);
        if frame.is_ready() {
            return frame;
        }
        // Having been asked, the connection may now read on.
        self.drive(context);
        Pin::new(incoming).poll_frame(nobody)
    }

    /// The bare connection after the replica changed protocols, and what was already read from it.
    pub(crate) async fn into_stream(mut self: Box<Self>) -> Result<(ReplicaStream, Bytes), io::Error> {
        if !self.ended {
            std::future::poll_fn(|context| self.connection.poll_without_shutdown(context))
                .await
                .map_err(io::Error::other)?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
    }
}
