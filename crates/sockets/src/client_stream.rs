//! A client's socket: it knows when something last moved, and gives up on a client that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::gather;
use crate::interim::Interim;
use crate::protocol::{self, Protocol};
use crate::stall::Stall;

/// What moved over a client's socket.
#[derive(Debug)]
pub struct Traffic {
    begun: Instant,
    last_write_ms: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    /// One of the two directions has ended.
    half_closed: AtomicBool,
}

impl Traffic {
    /// Since when nothing was written.
    pub fn last_write(&self) -> Instant {
        self.begun + Duration::from_millis(self.last_write_ms.load(Ordering::Relaxed))
    }

    /// Bytes written to the client.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes both ways.
    pub fn total(&self) -> u64 {
        self.written() + self.read.load(Ordering::Relaxed)
    }

    /// Whether one of the two directions has ended.
    pub fn is_half_closed(&self) -> bool {
        self.half_closed.load(Ordering::Relaxed)
    }
}

/// What a client has said first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A request of HTTP/1, if perhaps a bad one.
    Http,
    /// Something else.
    Other,
    /// Nothing so far.
    Nothing,
    /// Nothing, and it will say nothing; it may still listen.
    End,
    /// The connection is broken.
    Gone,
}

/// A client's socket.
#[derive(Debug)]
pub struct ClientStream {
    stream: TcpStream,
    /// What was read ahead of who is to read it.
    ahead: BytesMut,
    traffic: Arc<Traffic>,
    stall: Option<Stall>,
    interim: Arc<Interim>,
    /// What is being written of interim responses.
    between: BytesMut,
    /// Something is there to be read, so the end is not next.
    unread: bool,
}

impl ClientStream {
    /// `stall` is how long the client may leave what it was sent unread.
    pub fn new(stream: TcpStream, stall: Duration) -> Self {
        let traffic = Traffic {
            begun: Instant::now(),
            last_write_ms: AtomicU64::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            half_closed: AtomicBool::new(false),
        };
        Self {
            stream,
            ahead: BytesMut::new(),
            traffic: Arc::new(traffic),
            stall: Some(Stall::new(stall)),
            interim: Arc::default(),
            between: BytesMut::new(),
            unread: false,
        }
    }

    /// What moves over it.
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// What is written before the next message.
    pub fn interim(&self) -> Arc<Interim> {
        Arc::clone(&self.interim)
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Listens until it is clear what the client speaks. What it says is left to be read. To give up and to begin again
    /// loses nothing.
    pub async fn listen(&mut self) -> Opening {
        loop {
            match protocol::of(&self.ahead) {
                Protocol::Http => return Opening::Http,
                Protocol::Other => return Opening::Other,
                Protocol::Likely | Protocol::Unclear => {}
            }
            match self.stream.read_buf(&mut self.ahead).await {
                Ok(0) => {
                    self.traffic.half_closed.store(true, Ordering::Relaxed);
                    return if self.ahead.is_empty() { Opening::End } else { Opening::Other };
                }
                Ok(count) => drop(self.traffic.read.fetch_add(count as u64, Ordering::Relaxed)),
                Err(_) => return Opening::Gone,
            }
        }
    }

    /// What the client speaks, should it say no more.
    pub fn heard_so_far(&self) -> Opening {
        match protocol::of(&self.ahead) {
            _ if self.ahead.is_empty() => Opening::Nothing,
            Protocol::Http | Protocol::Likely => Opening::Http,
            Protocol::Other | Protocol::Unclear => Opening::Other,
        }
    }

    /// Whether it begins with text, which a server of HTTP takes for a request.
    pub fn said_text(&self) -> bool {
        protocol::is_text(&self.ahead)
    }

    /// From now on the client may take its time.
    #[must_use]
    pub fn without_stall(mut self) -> Self {
        self.stall = None;
        self
    }

    fn note(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(count)) => {
                let now = self.traffic.begun.elapsed().as_millis();
                self.traffic.last_write_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
                self.traffic.written.fetch_add(*count as u64, Ordering::Relaxed);
                if let Some(stall) = &mut self.stall {
                    stall.moved();
                }
            }
            Poll::Ready(Err(_)) => (),
            Poll::Pending => {
                if let Some(stall) = &mut self.stall {
                    ready!(stall.poll_still(context));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        written
    }

    /// Writes the interim responses that wait.
    fn poll_between(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(more) = self.interim.take() {
            self.between.extend_from_slice(&more);
        }
        while !self.between.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.between);
            let count = ready!(self.note(context, written))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.between.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Looks whether the client has said its last, which nobody else does while its request is answered.
    fn look_for_the_end(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.unread || self.traffic.is_half_closed() {
            return Ok(());
        }
        match self.stream.poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Ok(0)) => self.traffic.half_closed.store(true, Ordering::Relaxed),
            Poll::Ready(Ok(_)) => self.unread = true,
            // The client is gone, and with what it was sent unread.
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => {}
        }
        Ok(())
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        self.unread = false;
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let count = buffer.filled().len() - before;
        if count == 0 {
            self.traffic.half_closed.store(true, Ordering::Relaxed);
        }
        self.traffic.read.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_between(context))?;
        self.interim.set_within(true);
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_between(context))?;
        self.interim.set_within(true);
        let written = gather::poll_write(&mut self.stream, context, slices);
        self.note(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_between(context))?;
        // It is asked to flush when all that was to be written was.
        self.interim.set_within(false);
        self.look_for_the_end(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.traffic.half_closed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
