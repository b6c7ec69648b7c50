//! Connections at rest, kept for the next request.
//!
//! A replica may close such a connection whenever it likes: servers do so after 2 to 75 s of rest. So they rest for at
//! most [`REST`], and only requests that may be repeated are sent over them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backlot_sockets::ReplicaStream;

/// How long a connection may rest. Gunicorn's threaded workers close theirs after 2 s.
pub(crate) const REST: Duration = Duration::from_secs(1);

/// More than these at rest of one worker are closed.
const MOST: usize = 1024;

/// The connections of one replica that are at rest. A connection is used by the worker that opened it.
#[derive(Debug)]
pub(crate) struct Pool {
    workers: Vec<Mutex<Idle>>,
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
        Self { workers: (0..workers).map(|_| Mutex::default()).collect() }
    }

    /// A connection that seems to be alive: the one that was used last.
    pub(crate) fn take(&self, worker: usize, now: Instant) -> Option<ReplicaStream> {
        loop {
            // The guard ends with this statement: what follows must not happen under the lock.
            let (link, since) = locked(&self.workers[worker]).resting.pop()?;
            if now.saturating_duration_since(since) < REST && link.is_at_rest() {
                return Some(link);
            }
        }
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
