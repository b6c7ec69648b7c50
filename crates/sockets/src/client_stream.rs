//! A client's socket: it listens for what its client speaks, and counts what moves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::protocol::{self, Protocol};

/// What moved over a client's socket.
#[derive(Debug)]
pub struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
    /// One of the two directions has ended.
    half_closed: AtomicBool,
}

impl Traffic {
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
}

impl ClientStream {
    /// A client of whom nothing is known yet.
    pub fn new(stream: TcpStream) -> Self {
        let traffic = Traffic {
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            half_closed: AtomicBool::new(false),
        };
        Self { stream, ahead: BytesMut::new(), traffic: Arc::new(traffic) }
    }

    /// What moves over it.
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The bare socket, and what was read from it.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.ahead)
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
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.traffic.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.traffic.half_closed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
