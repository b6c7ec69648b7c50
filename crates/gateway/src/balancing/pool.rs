//! Connections at rest, kept for the next request.
//!
//! A replica may close such a connection whenever it likes: servers do so after 2 to 75 s of rest. So they rest for at
//! most [`REST`], and only requests that may be repeated are sent over them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::Link;

/// How long a connection may rest. Gunicorn's threaded workers close theirs after 2 s.
pub(crate) const REST: Duration = Duration::from_secs(1);

/// More than these at rest (on one lane) are closed.
const MOST: usize = 256;

/// The connections of one replica that are at rest. A connection is used on the lane that opened it.
#[derive(Debug)]
pub(crate) struct Pool {
    lanes: Vec<Mutex<Lane>>,
}

#[derive(Debug, Default)]
struct Lane {
    closed: bool,
    /// The one that rests for the shortest time is last.
    resting: Vec<(Box<Link>, Instant)>,
}

fn locked(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes).map(|_| Mutex::default()).collect() }
    }

    /// A connection that seems to be alive: the one that was used last.
    pub(crate) fn take(&self, lane: usize, now: Instant) -> Option<Box<Link>> {
        loop {
            // The guard ends with this statement: what follows must not happen under the lock.
            let (mut link, since) = locked(&self.lanes[lane]).resting.pop()?;
            if now.saturating_duration_since(since) < REST && link.is_alive() {
                return Some(link);
            }
        }
    }

    /// Keeps a connection, or closes it if the pool is closed or full.
    pub(crate) fn give(&self, link: Box<Link>, lane: usize) {
        let mut lane = locked(&self.lanes[lane]);
        if !lane.closed && lane.resting.len() < MOST {
            lane.resting.push((link, Instant::now()));
        }
    }

    /// Closes what rests for too long. Returns how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let mut left = 0;
        for lane in &self.lanes {
            let mut lane = locked(lane);
            let old = lane.resting.iter().take_while(|(_, since)| since.elapsed() >= REST).count();
            let closing: Vec<_> = lane.resting.drain(..old).collect();
            left += lane.resting.len();
            drop(lane);
            drop(closing);
        }
        left
    }

    /// Closes all of them, and keeps none from now on.
    pub(crate) fn close(&self) {
        for lane in &self.lanes {
            let mut lane = locked(lane);
            lane.closed = true;
            let closing = std::mem::take(&mut lane.resting);
            drop(lane);
            drop(closing);
        }
    }
}
