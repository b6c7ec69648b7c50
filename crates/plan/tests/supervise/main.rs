//! A million random schedules: the machine against a naive model of what it may do and must reach.
//!
//! The model knows processes, evidence and clocks, and no transitions: after each event it works out from the whole
//! history what should be so (`model.rs`), and checks each action when it comes (`duties.rs`).

mod choices;
mod duties;
mod facts;
mod model;
mod run;
mod stacks;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::run::{Failure, Schedule, run};

const SCHEDULES: u64 = 1_000_000;

fn attempt(schedule: &Schedule, log: bool) -> Result<(), Failure> {
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
            Ok(()) => at += 1,
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

#[test]
fn a_million_random_schedules_show_no_difference() {
    let workers = thread::available_parallelism().map_or(2, |cores| cores.get() as u64);
    let failed = AtomicBool::new(false);
    let first = thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                let failed = &failed;
                scope.spawn(move || {
                    (worker..SCHEDULES)
                        .step_by(workers as usize)
                        .take_while(|_| !failed.load(Ordering::Relaxed))
                        .find_map(|seed| {
                            let failure = attempt(&Schedule::random(seed), false).err()?;
                            failed.store(true, Ordering::Relaxed);
                            Some((seed, failure))
                        })
                })
            })
            .collect();
        handles.into_iter().filter_map(|handle| handle.join().unwrap()).min_by_key(|(seed, _)| *seed)
    });
    if let Some((seed, failure)) = first {
        fail(seed, failure);
    }
}
