//! Waiting with a limit.

use std::thread;
use std::time::{Duration, Instant};

/// The longest time between two attempts of [`wait_for`], where what is waited for costs next to nothing to ask.
const LONGEST_STEP: Duration = Duration::from_millis(20);

/// Tries until `attempt` gives something, at first after a millisecond, then less and less often; none if it has given
/// nothing at the limit. It is tried at least once.
pub fn wait_for<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    let mut step = Duration::from_millis(1);
    loop {
        if let Some(found) = attempt() {
            return Some(found);
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return None;
        }
        thread::sleep(step.min(left));
        step = (step * 3 / 2).min(LONGEST_STEP);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::wait_for;

    #[test]
    fn it_is_tried_until_it_succeeds_or_the_limit() {
        let mut tries = 0;
        let third = wait_for(Duration::from_secs(10), || {
            tries += 1;
            (tries == 3).then_some(tries)
        });
        assert_eq!(third, Some(3));
        let (start, limit) = (Instant::now(), Duration::from_millis(30));
        assert_eq!(wait_for(limit, || None::<()>), None);
        assert!(start.elapsed() >= limit);
        assert_eq!(wait_for(Duration::ZERO, || Some(1)), Some(1));
    }
}
