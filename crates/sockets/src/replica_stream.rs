//! A connection to a replica: it tells whether anything was written, and can be cut from outside.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gather;

/// The open connections to one replica.
#[derive(Debug, Default)]
pub struct Sockets {
    // A descriptor is here only while its `ReplicaStream` is alive, which removes it before it closes it.
    open: Mutex<HashSet<RawFd>>,
}

impl Sockets {
    fn open(&self) -> MutexGuard<'_, HashSet<RawFd>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every connection: whoever reads from it sees its end, whoever writes fails.
    pub fn cut(&self) {
        for &descriptor in self.open().iter() {
            // It fails when the other side was faster, and then there is nothing to do.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
    }
}

/// An open connection to a replica.
#[derive(Debug)]
pub struct ReplicaStream {
    stream: TcpStream,
    wrote: Arc<AtomicBool>,
    /// Where it is known as open.
    among: Arc<Sockets>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ConnectError {
    /// The replica is to blame, and not a lack of descriptors or ports on this side.
    pub fn blames_replica(&self) -> bool {
        match self {
            ConnectError::TimedOut(_) => true,
            ConnectError::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::TimedOut
            ),
        }
    }
}

impl ReplicaStream {
    /// Connects to a replica, whose open connections are `among`.
    pub async fn connect(
        addr: SocketAddr,
        among: &Arc<Sockets>,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let stream =
            timeout(limit, TcpStream::connect(addr)).await.map_err(|_| ConnectError::TimedOut(limit))??;
        // What is written is whole messages or streamed pieces; neither should wait for the other side's ack.
        stream.set_nodelay(true)?;
        among.open().insert(stream.as_raw_fd());
        Ok(Self { stream, wrote: Arc::default(), among: Arc::clone(among) })
    }

    /// Becomes true with the first byte that is written, and can be set back.
    pub fn wrote(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.wrote)
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.wrote.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl Drop for ReplicaStream {
    fn drop(&mut self) {
        self.among.open().remove(&self.stream.as_raw_fd());
    }
}

impl AsyncRead for ReplicaStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ReplicaStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = gather::poll_write(&mut self.stream, context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
