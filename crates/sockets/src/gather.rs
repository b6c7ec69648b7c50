//! Writing several pieces at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// Pieces of so many bytes in all are joined first: a plain `send` costs the kernel less than a `writev`, and a head with
/// a short body is what is written most.
const JOINED: usize = 1024;

/// Writes as much as the socket takes.
pub(crate) fn poll_write(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if let [slice] = slices {
        return stream.poll_write(context, slice);
    }
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    if total > JOINED {
        return stream.poll_write_vectored(context, slices);
    }
    let mut joined = [0; JOINED];
    let mut end = 0;
    for slice in slices {
        joined[end..end + slice.len()].copy_from_slice(slice);
        end += slice.len();
    }
    stream.poll_write(context, &joined[..end])
}
