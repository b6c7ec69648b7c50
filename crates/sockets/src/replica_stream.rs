//! A connection to a replica: it tells whether it is at rest, and can be cut from outside.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::timeout;

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
        Ok(Self { stream, among: Arc::clone(among) })
    }

    /// Whether a connection at rest can be used, as far as the system has told by now: nothing was said, and it is open.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same, asked of the system now.
    pub fn is_open(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        matches!(recv(self.stream.as_raw_fd(), &mut [0], flags), Err(Errno::EAGAIN))
    }

    /// Both directions, each for itself.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        self.stream.split()
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
