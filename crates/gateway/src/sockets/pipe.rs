//! Bytes both ways between a client and a replica, until both have said their last.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::time::timeout;

use crate::sockets::visitor::Visitor;
use crate::sockets::wire::Wire;

/// For each direction.
const BUFFER: usize = 32 * 1024;

/// Hands bytes on both ways. The prefixes were read earlier from the client and the replica. A connection may be silent
/// for ever (the system's keep-alive finds clients that are gone); but once one side has closed, silence for `tail`
/// ends the other direction.
pub(crate) async fn pipe(
    visitor: Visitor,
    from_client: Bytes,
    mut wire: Wire,
    from_replica: Bytes,
    tail: Duration,
) -> io::Result<()> {
    let mut visitor = visitor.without_stall();
    let traffic = visitor.traffic();
    // Without it, a client whose machine vanished would be kept for ever; nothing else is lost if it cannot be set.
    let _ = setsockopt(visitor.stream(), sockopt::KeepAlive, &true);
    wire.write_all(&from_client).await?;
    visitor.write_all(&from_replica).await?;
    let mut copying = std::pin::pin!(copy_bidirectional_with_sizes(&mut visitor, &mut wire, BUFFER, BUFFER));
    let mut before = traffic.total();
    loop {
        if let Ok(ended) = timeout(tail, copying.as_mut()).await {
            return ended.map(|_| ());
        }
        let now = traffic.total();
        if traffic.is_half_closed() && now == before {
            return Err(io::ErrorKind::TimedOut.into());
        }
        before = now;
    }
}
