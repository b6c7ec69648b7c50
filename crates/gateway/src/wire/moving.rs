//! Reading and writing, until something stands still for too long.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Instant;

use crate::wire::buffer::Buffer;
use crate::wire::timer::Timer;

/// Pieces of so many bytes are joined before they are written: a plain `send` costs the kernel less than a `writev`.
pub(crate) const JOINED: usize = 4 * 1024;

/// Reads once, whatever is there, so that the buffer holds at most `wanted`. `deadline` is asked for while nothing is there.
pub(crate) async fn fill(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Buffer,
    wanted: usize,
    timer: &mut Timer,
    mut deadline: impl FnMut() -> Instant,
) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let read = poll_fill(reader, buffer, wanted, context);
        if read.is_pending() {
            ready!(timer.poll(context, deadline()));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    })
    .await
}

/// Reads once.
pub(crate) fn poll_fill(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Buffer,
    wanted: usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    pin!(reader.read_buf(buffer.with_room(wanted))).poll(context)
}

/// Writes all of some pieces. They may stand still for `limit`. Notes in `written` how much the system took.
pub(crate) async fn write_all(
    writer: &mut (impl AsyncWrite + Unpin),
    pieces: [&[u8]; 3],
    timer: &mut Timer,
    limit: Duration,
    written: &mut usize,
) -> io::Result<()> {
    let mut slices = pieces.map(IoSlice::new);
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    // Asked for the time only when it has to wait.
    let mut still_since = None;
    std::future::poll_fn(|context| {
        while let [first, more @ ..] = &*rest {
            let writer = Pin::new(&mut *writer);
            let taken = if more.iter().all(|slice| slice.is_empty()) {
                writer.poll_write(context, first)
            } else {
                writer.poll_write_vectored(context, rest)
            };
            match taken {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    *written += count;
                    IoSlice::advance_slices(&mut rest, count);
                    still_since = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    let since = *still_since.get_or_insert_with(Instant::now);
                    ready!(timer.poll(context, since + limit));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}
