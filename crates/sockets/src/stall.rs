//! A limit on standing still.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Runs while nothing moves. It costs nothing until something has to be waited for.
#[derive(Debug)]
pub struct Stall {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Stall {
    /// Nothing may stand still for longer than `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { limit, timer: None, running: false }
    }

    /// Something moved.
    pub fn moved(&mut self) {
        self.running = false;
    }

    /// Nothing moves; ready when that is so for too long.
    pub fn poll_still(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| {
            self.running = true;
            Box::pin(sleep(self.limit))
        });
        if !self.running {
            self.running = true;
            timer.as_mut().reset(Instant::now() + self.limit);
        }
        timer.as_mut().poll(context)
    }
}
