//! The word that an endpoint is being closed, for every connection that it serves.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Said once, heard by all.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    said: AtomicBool,
    bell: Notify,
}

impl Closing {
    pub(crate) fn say(&self) {
        self.said.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    pub(crate) fn is_said(&self) -> bool {
        self.said.load(Ordering::Acquire)
    }

    /// Wakes whoever polled it once; then ask [`Closing::is_said`].
    pub(crate) fn bell(&self) -> Notified<'_> {
        self.bell.notified()
    }
}
