//! Connections at rest, kept for the next request.
//!
//! A replica may close such a connection whenever it likes: servers do so after 2 to 75 s of rest. So they rest for at
//! most [`REST`], and only requests that may be repeated are sent over them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::Link;

/// How long a connection may rest. Gunicorn's threaded workers close theirs after 2 s.
pub(crate) const REST: Duration = Duration::from_secs(1);

/// More than these at rest are closed.
const MOST: usize = 256;

/// The connections of one replica that are at rest.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    /// The one that rests for the shortest time is last.
    resting: Vec<(Box<Link>, Instant)>,
}

impl Pool {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that seems to be alive: the one that was used last.
    pub(crate) fn take(&self) -> Option<Box<Link>> {
        loop {
            // The guard ends with this statement: what follows must not happen under the lock.
            let (mut link, since) = self.inner().resting.pop()?;
            if since.elapsed() < REST && link.is_alive() {
                return Some(link);
            }
        }
    }

    /// Keeps a connection, or closes it if the pool is closed or full.
    pub(crate) fn give(&self, link: Box<Link>) {
        let mut inner = self.inner();
        if !inner.closed && inner.resting.len() < MOST {
            inner.resting.push((link, Instant::now()));
        }
    }

    /// Closes what rests for too long. Returns how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let mut inner = self.inner();
        let old = inner.resting.iter().take_while(|(_, since)| since.elapsed() >= REST).count();
        let closing: Vec<_> = inner.resting.drain(..old).collect();
        let left = inner.resting.len();
        drop(inner);
        drop(closing);
        left
    }

    /// Closes all of them, and keeps none from now on.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        let closing = std::mem::take(&mut inner.resting);
        drop(inner);
        drop(closing);
    }
}
