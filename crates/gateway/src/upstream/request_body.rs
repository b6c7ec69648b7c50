//! A client's body on its way to a replica. It can be given to another replica for as long as nothing was taken from it.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backlot_sockets::Stall;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

/// How much of a body is read that nobody wants.
const DISCARD_BYTES: usize = 4 << 20;

/// And for how long.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// Why a client's body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the client's body broke off")]
    Broken,
    #[error("the client sent nothing for {0:?}")]
    Stalled(Duration),
}

/// How a body is coming along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The replica took the last piece (or the end) then, and has not asked for more.
    At(Instant),
    /// The replica would take more, but the client has sent no more.
    AwaitsClient,
}

/// A client's body, kept while replicas are tried.
#[derive(Debug)]
pub(crate) struct Upload(Arc<Mutex<Source>>);

pub(crate) struct Source {
    incoming: Incoming,
    /// Something left it, so it cannot be given to another replica.
    taken: bool,
    fault: Option<Fault>,
    progress: Progress,
    stall: Stall,
    limit: Duration,
}

impl Upload {
    pub(crate) fn new(incoming: Incoming, limit: Duration) -> Self {
        let stall = Stall::new(limit);
        Self(Arc::new(Mutex::new(Source {
            incoming,
            taken: false,
            fault: None,
            progress: Progress::At(Instant::now()),
            stall,
            limit,
        })))
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_untouched(&self) -> bool {
        !self.source().taken
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.source().fault
    }

    pub(crate) fn progress(&self) -> Progress {
        self.source().progress
    }

    /// Reads on without keeping anything, up to a limit: a connection that is closed while the client still sends is
    /// reset, and the client may then never see the answer.
    pub(crate) async fn discard(&self) {
        let mut room = DISCARD_BYTES;
        let discarding = std::future::poll_fn(|context| {
            let mut source = self.source();
            while !source.incoming.is_end_stream() {
                match ready!(Pin::new(&mut source.incoming).poll_frame(context)) {
                    Some(Ok(frame)) => room = room.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
                    Some(Err(_)) | None => break,
                }
                if room == 0 {
                    break;
                }
            }
            Poll::Ready(())
        });
        // Either way the answer is what comes next.
        let _ = timeout(DISCARD_TIME, discarding).await;
    }

    /// What is given to a connection. The one that had it before must be gone.
    pub(crate) fn body(&self) -> RequestBody {
        RequestBody::Client(Arc::clone(&self.0))
    }
}

/// The body of a request to a replica.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Client(Arc<Mutex<Source>>),
}

fn locked(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            self.progress = Progress::AwaitsClient;
            ready!(self.stall.poll_still(context));
            let fault = Fault::Stalled(self.limit);
            self.fault = Some(fault);
            return Poll::Ready(Some(Err(fault)));
        };
        self.stall.moved();
        self.progress = Progress::At(Instant::now());
        self.taken = true;
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|_| {
                self.fault = Some(Fault::Broken);
                Fault::Broken
            })
        }))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Client(source) => locked(source).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Client(source) => locked(source).incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Client(source) => locked(source).incoming.size_hint(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("taken", &self.taken)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
