//! A limit on waiting that costs nothing while things move.
//!
//! To arm a timer for each request, and to disarm it, costs more than to read the request. So this one runs on: it rings at
//! the time that was asked for once, and only then is it looked what is waited for now, and until when.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Rings when a time has come, that may be another one each time it is asked.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready when `deadline` has passed. It has to be asked by one task only.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else {
            let sleep = self.sleep.insert(Box::pin(sleep_until(deadline)));
            return sleep.as_mut().poll(context);
        };
        if deadline >= sleep.deadline() {
            if !sleep.is_elapsed() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
        }
        sleep.as_mut().reset(deadline);
        sleep.as_mut().poll(context)
    }
}
