//! What was learned of what is spoken at an endpoint.

use std::sync::atomic::AtomicBool;

use crate::latch::Latch;

/// What was learned of an endpoint's replicas.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// One has answered in HTTP.
    pub(crate) http: Latch,
    /// One has spoken first.
    pub(crate) speaks_first: AtomicBool,
}

impl Habits {
    /// A replica has answered in HTTP.
    pub(crate) fn answered_http(&self) {
        if !self.http.is_set() {
            self.http.set();
        }
    }
}
