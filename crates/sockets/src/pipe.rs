//! Bytes both ways between a client and a replica, until both have said their last.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::time::timeout;

use crate::client_stream::ClientStream;
use crate::replica_stream::ReplicaStream;

/// For each direction.
const BUFFER: usize = 32 * 1024;

/// Hands bytes on both ways. The prefixes were read earlier from the client and the replica. A connection may be silent
/// for ever (the system's keep-alive finds clients that are gone); but once one side has closed, silence for `tail`
/// ends the other direction.
pub async fn pipe(
    mut downstream: ClientStream,
    from_client: Bytes,
    mut upstream: ReplicaStream,
    from_replica: Bytes,
    tail: Duration,
) -> io::Result<()> {
    let traffic = downstream.traffic();
    // Without it, a client whose machine vanished would be kept for ever; nothing else is lost if it cannot be set.
    let _ = setsockopt(downstream.stream(), sockopt::KeepAlive, &true);
    upstream.write_all(&from_client).await?;
    downstream.write_all(&from_replica).await?;
    let mut copying =
        std::pin::pin!(copy_bidirectional_with_sizes(&mut downstream, &mut upstream, BUFFER, BUFFER));
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
