//! A client's socket: it knows when the client has said its last, and gives up on one that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A client's socket.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Whether one of the two directions has ended.
    half_closed: Arc<AtomicBool>,
    /// Something is there to be read, so the end is not next.
    unread: bool,
    /// How long it may leave what it was sent unread, and since when it does.
    limit: Duration,
    stall: Option<Pin<Box<Sleep>>>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, half_closed: Arc::default(), unread: false, limit, stall: None }
    }

    /// Tells whether one of the two directions has ended.
    pub(crate) fn half_closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.half_closed)
    }

    /// What was written, or that the client has left it unread for too long.
    fn or_stalled(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let limit = self.limit;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stall.as_mut().poll(context));
        stall.as_mut().reset(Instant::now() + limit);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Looks whether the client has said its last, which nobody else does while its request is answered.
    fn look_for_the_end(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.unread || self.half_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Ok(0)) => self.half_closed.store(true, Ordering::Relaxed),
            Poll::Ready(Ok(_)) => self.unread = true,
            // The client is gone, and with what it was sent unread.
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => {}
        }
        Ok(())
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.unread = false;
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() == before {
            self.half_closed.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_stalled(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.or_stalled(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look_for_the_end(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half_closed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
