//! A limit on waiting that costs nothing while things move.
//!
//! To arm a timer for each request, and to disarm it, costs more than to read the request. So this one runs on: it rings at
//! the time that was asked for once, and only then is it looked what is waited for now, and until when.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::coop::unconstrained;
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
            return arm(self.sleep.insert(Box::pin(sleep_until(deadline))).as_mut(), context);
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
        arm(sleep.as_mut(), context)
    }
}

/// Has it ring, even when the task has done so much that it should let others go first: it would then not be armed at all.
fn arm(sleep: Pin<&mut Sleep>, context: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(sleep)).poll(context)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::Timer;

    #[tokio::test]
    async fn it_rings_for_a_task_that_has_done_too_much_already() {
        let spent = async {
            while tokio::task::coop::has_budget_remaining() {
                tokio::task::coop::consume_budget().await;
            }
            let (mut timer, deadline) = (Timer::default(), Instant::now() + Duration::from_millis(20));
            poll_fn(|context| timer.poll(context, deadline)).await;
        };
        timeout(Duration::from_secs(20), spent).await.unwrap();
    }
}
