//! Interim responses (1xx) on their way to a client.
//!
//! hyper writes a request's one final response and knows no others, so what a replica says before that is put between the
//! messages here, below hyper: only while all that hyper wrote before is with the system, never inside of a message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So much may wait for a client that does not read. What is beyond is dropped: they are hints.
const MOST: usize = 64 * 1024;

/// What waits to be written between two messages.
#[derive(Debug, Default)]
pub struct Interim {
    waiting: Mutex<Vec<u8>>,
    some: AtomicBool,
    /// A message is written, or a part of it waits.
    within: AtomicBool,
}

impl Interim {
    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the head of an interim response written before anything else.
    pub fn add(&self, head: &[u8]) {
        let mut waiting = self.waiting();
        if !self.within.load(Ordering::Relaxed) && waiting.len() + head.len() <= MOST {
            waiting.extend_from_slice(head);
            self.some.store(true, Ordering::Relaxed);
        }
    }

    /// What was added since.
    pub fn take(&self) -> Option<Vec<u8>> {
        let some = self.some.load(Ordering::Relaxed) && self.some.swap(false, Ordering::Relaxed);
        some.then(|| std::mem::take(&mut *self.waiting()))
    }

    /// A message is being written, or all of it was.
    pub fn set_within(&self, within: bool) {
        self.within.store(within, Ordering::Relaxed);
    }
}
