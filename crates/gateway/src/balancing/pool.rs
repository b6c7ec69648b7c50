//! Connections at rest, kept for the next request.
//!
//! A replica may close such a connection whenever it likes: servers do so after 2 to 75 s of rest. So they rest for at
//! most [`REST`]. A request that may be repeated survives a connection that ends at the moment of use. One that may not
//! is sent over a connection that was used just now, is open as the system knows this instant, and is of a replica that
//! was seen to leave resting connections open, and never to close one early; else over a new one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backlot_sockets::ReplicaStream;

/// How long a connection may rest. Gunicorn's threaded workers close theirs after 2 s.
pub(crate) const REST: Duration = Duration::from_secs(1);

/// For how long at most a connection has rested that is used for what may not be repeated. No server waits for less than 1 s.
const FRESH: Duration = Duration::from_millis(500);

/// A connection that is open after so long was not closed behind its last answer.
const PROOF: Duration = Duration::from_millis(10);

/// More than these at rest of one worker are closed.
const MOST: usize = 1024;

/// The connections of one replica that are at rest. A connection is used by the worker that opened it.
#[derive(Debug)]
pub(crate) struct Pool {
    workers: Vec<Mutex<Idle>>,
    /// The replica has left a connection open for [`PROOF`].
    leaves_open: AtomicBool,
    /// It has closed one, or died, within [`REST`].
    closes_early: AtomicBool,
}

#[derive(Debug, Default)]
struct Idle {
    closed: bool,
    /// The one that rests for the shortest time is last.
    resting: Vec<(ReplicaStream, Instant)>,
}

fn locked(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Mutex::default()).collect(),
            leaves_open: AtomicBool::new(false),
            closes_early: AtomicBool::new(false),
        }
    }

    /// A connection that seems to be alive: the one that was used last.
    pub(crate) fn take(&self, worker: usize, now: Instant) -> Option<ReplicaStream> {
        loop {
            // The guard ends with this statement: what follows must not happen under the lock.
            let (link, since) = locked(&self.workers[worker]).resting.pop()?;
            if now.saturating_duration_since(since) < REST {
                if link.is_at_rest() {
                    return Some(link);
                }
                self.distrust();
            }
        }
    }

    /// A connection for a request that may not be repeated.
    pub(crate) fn take_sure(&self, worker: usize, now: Instant) -> Option<ReplicaStream> {
        let mut idle = locked(&self.workers[worker]);
        let rested = |since: &Instant| now.saturating_duration_since(*since);
        let is_sure = |link: &ReplicaStream| {
            let is_open = link.is_open();
            self.closes_early.fetch_or(!is_open, Ordering::Relaxed);
            is_open
        };
        if !self.leaves_open.load(Ordering::Relaxed) {
            let (link, since) = idle.resting.first()?;
            if !(PROOF..REST).contains(&rested(since)) || !is_sure(link) {
                return None;
            }
            self.leaves_open.store(true, Ordering::Relaxed);
        }
        let (_, since) = idle.resting.last()?;
        if self.closes_early.load(Ordering::Relaxed) || rested(since) >= FRESH {
            return None;
        }
        let (link, _) = idle.resting.pop()?;
        drop(idle);
        is_sure(&link).then_some(link)
    }

    /// A connection of it that seemed to be open was not.
    pub(crate) fn distrust(&self) {
        self.closes_early.store(true, Ordering::Relaxed);
    }

    /// Keeps a connection, or closes it if the pool is closed or full.
    pub(crate) fn give(&self, link: ReplicaStream, worker: usize) {
        let mut idle = locked(&self.workers[worker]);
        if !idle.closed && idle.resting.len() < MOST {
            idle.resting.push((link, Instant::now()));
        }
    }

    /// Closes what rests for too long. Returns how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let mut left = 0;
        for idle in &self.workers {
            let mut idle = locked(idle);
            let old = idle.resting.iter().take_while(|(_, since)| since.elapsed() >= REST).count();
            let closing: Vec<_> = idle.resting.drain(..old).collect();
            left += idle.resting.len();
            drop(idle);
            drop(closing);
        }
        left
    }

    /// Closes all of them, and keeps none from now on.
    pub(crate) fn close(&self) {
        for idle in &self.workers {
            let mut idle = locked(idle);
            idle.closed = true;
            let closing = std::mem::take(&mut idle.resting);
            drop(idle);
            drop(closing);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use backlot_sockets::{ReplicaStream, Sockets};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::yield_now;

    use super::{FRESH, PROOF, Pool, REST};

    /// A connection, and the replica's end of it.
    async fn link(listener: &TcpListener, addr: SocketAddr) -> (ReplicaStream, TcpStream) {
        let sockets = Arc::new(Sockets::default());
        let link = ReplicaStream::connect(addr, &sockets, Duration::from_secs(20)).await.unwrap();
        (link, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn what_may_not_be_repeated_goes_only_where_nothing_speaks_against_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // After how long each is asked for, whether the replica has closed it by then, and whether it will do.
        for (asked, all_will_do) in [
            (&[(Duration::ZERO, false)][..], false),
            (&[(PROOF, false)], true),
            (&[(PROOF, false), (Duration::ZERO, false)], true),
            (&[(PROOF, false), (FRESH, false)], false),
            (&[(REST, false)], false),
            (&[(PROOF, true)], false),
            (&[(PROOF, false), (Duration::ZERO, true)], false),
            (&[(PROOF, true), (PROOF, false)], false),
        ] {
            let pool = Pool::new(1);
            let mut last = None;
            for &(rested, closes) in asked {
                let (link, far) = link(&listener, addr).await;
                let far = (!closes).then_some(far);
                while closes && link.is_open() {
                    yield_now().await;
                }
                pool.give(link, 0);
                last = pool.take_sure(0, Instant::now() + rested);
                drop(far);
            }
            assert_eq!(last.is_some(), all_will_do, "{asked:?}");
        }
    }
}
