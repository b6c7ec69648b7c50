//! Counting what a replica has not finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::balancing::replica::Replica;

/// How much is in flight, and a bell for when that is nothing.
#[derive(Debug, Default)]
pub(crate) struct Count {
    now: AtomicUsize,
    none: Notify,
}

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.now.load(Ordering::Acquire)
    }

    /// Waits until nothing is in flight, at the longest until `deadline`. Returns what is left.
    pub(crate) async fn none(&self, deadline: Instant) -> usize {
        loop {
            let mut none = std::pin::pin!(self.none.notified());
            // Registered before the count is read: the bell cannot ring unheard in between.
            none.as_mut().enable();
            if self.get() == 0 {
                return 0;
            }
            if timeout_at(deadline, none).await.is_err() {
                return self.get();
            }
        }
    }
}

/// A replica at work on something: counted until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Replica>);

impl InFlight {
    /// Only the rotation calls this, under its lock: a replica that drains gets no more.
    pub(crate) fn begin(replica: Arc<Replica>) -> Self {
        replica.in_flight.now.fetch_add(1, Ordering::AcqRel);
        Self(replica)
    }

    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.now.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.in_flight.none.notify_waiters();
        }
    }
}
