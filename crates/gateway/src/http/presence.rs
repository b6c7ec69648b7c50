//! Whether a client still waits for its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backlot_sockets::Living;
use tokio::net::tcp::ReadHalf;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// When it is looked first after a client that says no more and waits for its answer: most have it by then.
const FIRST: Duration = Duration::from_millis(50);
/// And how often from then on.
const LOOK: Duration = Duration::from_secs(1);

/// What the system said last of all sockets. Its table may be long: it is read once for all who ask at the same time.
static SEEN: Mutex<Option<(Instant, Arc<Living>)>> = Mutex::const_new(None);

/// Waits until a client is gone: nobody is left who would read the answer. One that has said more is there, and one that has
/// said its last may be.
pub(crate) async fn left(reader: &mut ReadHalf<'_>, has_said_more: bool, peer: SocketAddr) {
    if has_said_more {
        return std::future::pending().await;
    }
    match reader.peek(&mut [0]).await {
        Ok(0) => match reader.local_addr() {
            Ok(local) => Box::pin(closed(local, peer)).await,
            Err(_) => std::future::pending().await,
        },
        Ok(_) => std::future::pending().await,
        Err(_) => {}
    }
}

/// Waits until a client has closed its socket.
async fn closed(local: SocketAddr, peer: SocketAddr) {
    let mut pause = FIRST;
    loop {
        sleep(pause).await;
        pause = LOOK;
        if living(Instant::now()).await.is_some_and(|living| living.is_gone(local, peer)) {
            return;
        }
    }
}

/// The sockets that somebody had at some time since `asked`.
async fn living(asked: Instant) -> Option<Arc<Living>> {
    let mut seen = SEEN.lock().await;
    if let Some((when, living)) = &*seen
        && *when >= asked
    {
        return Some(Arc::clone(living));
    }
    let now = Instant::now();
    let living = Arc::new(spawn_blocking(Living::look).await.ok()?);
    *seen = Some((now, Arc::clone(&living)));
    Some(living)
}
