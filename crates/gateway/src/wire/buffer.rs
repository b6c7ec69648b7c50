//! What was read and not yet used. Buffers that have become empty are kept for the next connection of the thread.

use std::cell::RefCell;

/// What a buffer has room for, unless more is needed: a head, and a short body with it.
pub(crate) const USUAL: usize = 16 * 1024;
/// What is read at once of a long body.
pub(crate) const LARGE: usize = 64 * 1024;
/// What most heads have room in.
pub(crate) const HEAD: usize = 1024;
/// So many are kept by each thread.
const KEPT: usize = 64;

thread_local! {
    static RESTING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Room for bytes.
fn room() -> Vec<u8> {
    RESTING.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(USUAL))
}

/// Gives room back.
fn rest(mut room: Vec<u8>) {
    if room.capacity() == USUAL {
        room.clear();
        // A thread that is about to end keeps nothing.
        let _ = RESTING.try_with(|resting| {
            let mut resting = resting.borrow_mut();
            if resting.len() < KEPT {
                resting.push(room);
            }
        });
    }
}

/// Bytes that were read, of which the first have been used.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    used: usize,
}

impl Buffer {
    /// One that begins with bytes that were read elsewhere.
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        let mut buffer = Self::default();
        if !bytes.is_empty() {
            buffer.bytes = room();
            buffer.bytes.extend_from_slice(bytes);
        }
        buffer
    }

    pub(crate) fn unused(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    pub(crate) fn unused_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == self.bytes.len()
    }

    pub(crate) fn use_up(&mut self, count: usize) {
        self.used += count;
        if self.is_empty() {
            self.bytes.clear();
            self.used = 0;
        }
    }

    /// The bytes with room for more of them: for `wanted` in all where that is possible.
    pub(crate) fn with_room(&mut self, wanted: usize) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = room();
        }
        if self.used > 0 && self.bytes.capacity() - self.bytes.len() < USUAL / 2 {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        let left = self.bytes.len();
        if self.bytes.capacity() < wanted || self.bytes.capacity() == left {
            self.bytes.reserve_exact(wanted.max(left + USUAL) - left);
        }
        &mut self.bytes
    }

    /// Gives up the room, if nothing is in it.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.used = 0;
            rest(std::mem::take(&mut self.bytes));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.capacity() > 0 {
            rest(std::mem::take(&mut self.bytes));
        }
    }
}
