//! Something that happens once, for all who wait for it: that an endpoint closes, that a replica leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Set once, and never reset.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    set: AtomicBool,
    waiting: Notify,
}

impl Latch {
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Wakes whoever polled it once; then ask [`Latch::is_set`].
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.waiting.notified()
    }

    /// Waits until it is set.
    pub(crate) async fn wait(&self) {
        let mut notified = std::pin::pin!(self.notified());
        // Registered before the look: it cannot be set unnoticed in between.
        notified.as_mut().enable();
        if !self.is_set() {
            notified.await;
        }
    }
}
