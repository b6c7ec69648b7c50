//! A million random schedules: the machine against a naive model of what it may do and must reach.
//!
//! The model knows processes, evidence and clocks, and no transitions: after each event it works out from the whole
//! history what should be so (`model.rs`), and checks each action when it comes (`duties.rs`).

#![expect(clippy::unwrap_used, reason = "a test, in which a panic is a failure")]

mod choices;
mod compare;
mod duties;
mod facts;
mod knowledge;
mod model;
mod run;
mod stacks;
mod tally;
mod world;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::run::{Failure, Schedule, run};
use crate::tally::{Reached, Tally};

/// Ends a check with what is wrong, unless something holds.
macro_rules! must {
    ($holds:expr, $($wrong:tt)*) => {
        if !$holds {
            return Err(format!($($wrong)*));
        }
    };
}

pub(crate) use must;

const SCHEDULES: u64 = 1_000_000;

fn attempt(schedule: &Schedule, log: bool) -> Result<Reached, Failure> {
    catch_unwind(AssertUnwindSafe(|| run(schedule, log))).unwrap_or_else(|_| {
        Err(Failure { step: schedule.choices.len(), what: "a panic".into(), log: Vec::new() })
    })
}

/// The shortest schedule found that still fails: cut after the failure, then without every step that is not needed.
fn shrink(mut schedule: Schedule, mut failure: Failure) -> (Schedule, Failure) {
    schedule.choices.truncate(failure.step + 1);
    let mut at = 0;
    while at < schedule.choices.len() {
        let mut shorter = schedule.clone();
        shorter.choices.remove(at);
        match attempt(&shorter, true) {
            Ok(_) => at += 1,
            Err(still) => {
                schedule = shorter;
                failure = still;
            }
        }
    }
    (schedule, failure)
}

fn fail(seed: u64, failure: Failure) -> ! {
    let (schedule, failure) = shrink(Schedule::random(seed), failure);
    panic!(
        "seed {seed}: {}\nafter {} steps of\n{}\n{}",
        failure.what,
        schedule.choices.len(),
        schedule.describe(),
        failure.log.join("\n"),
    );
}

/// Every so many-th schedule from the first: what they reached, and the first one that fails.
fn try_many(first: u64, every: usize, stop: &AtomicBool) -> (Tally, Option<(u64, Failure)>) {
    let mut tally = Tally::default();
    for seed in (first..SCHEDULES).step_by(every) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match attempt(&Schedule::random(seed), false) {
            Ok(reached) => tally.add(reached),
            Err(failure) => {
                stop.store(true, Ordering::Relaxed);
                return (tally, Some((seed, failure)));
            }
        }
    }
    (tally, None)
}

#[test]
fn a_million_random_schedules_show_no_difference() {
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let results = thread::scope(|scope| {
        let handles: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || try_many(worker as u64, workers, stop))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect::<Vec<_>>()
    });
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for (part, failure) in results {
        tally.join(&part);
        failures.extend(failure);
    }
    if let Some((seed, failure)) = failures.into_iter().min_by_key(|(seed, _)| *seed) {
        fail(seed, failure);
    }
    let (rarest, count) = tally.rarest();
    println!("reached least: {rarest}, by {count} schedules");
    assert!(count >= 1000, "only {count} schedules reached {rarest}");
}
