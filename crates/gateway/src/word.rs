//! A word that is said once and heard by all who wait for it: that an endpoint closes, that a replica leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Said once, heard by all.
#[derive(Debug, Default)]
pub(crate) struct Word {
    said: AtomicBool,
    bell: Notify,
}

impl Word {
    pub(crate) fn say(&self) {
        self.said.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    pub(crate) fn is_said(&self) -> bool {
        self.said.load(Ordering::Acquire)
    }

    /// Wakes whoever polled it once; then ask [`Word::is_said`].
    pub(crate) fn bell(&self) -> Notified<'_> {
        self.bell.notified()
    }

    /// Waits until it is said.
    pub(crate) async fn heard(&self) {
        let mut bell = std::pin::pin!(self.bell());
        // Registered before the look: the bell cannot ring unheard in between.
        bell.as_mut().enable();
        if !self.is_said() {
            bell.await;
        }
    }
}
