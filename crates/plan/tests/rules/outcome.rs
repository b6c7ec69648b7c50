//! What somebody who waits is told.

use backlot_plan::Condition;
use backlot_plan::supervise::{Event, Outcome, TimerKind};

use crate::stage::{CHECKED, LISTENS, Stage, after, always, service};

fn reason(stage: &Stage) -> String {
    match stage.machine.outcome() {
        Outcome::Failed { service, reason } => {
            format!("{} {reason}", stage.machine.stack().service(service).name)
        }
        Outcome::Pending | Outcome::Ready | Outcome::Stopped => String::new(),
    }
}

#[test]
fn nothing_wanted_and_nothing_there_is_stopped() {
    assert_eq!(Stage::new([service("a", |_| {})]).machine.outcome(), Outcome::Stopped);
}

#[test]
fn pending_until_all_are_ready() {
    let mut stage =
        Stage::new([service("a", |a| a.readiness = CHECKED), service("b", |b| b.readiness = LISTENS)]);
    stage.up();
    stage.spawned("a-1");
    stage.spawned("b-1");
    stage.listening("b-1");
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    stage.check_ok("a-1");
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_one_shot_that_ended_well_is_as_good_as_a_healthy_service() {
    let mut stage = Stage::new([service("once", |_| {})]);
    stage.up();
    stage.spawned("once-1");
    stage.exits("once-1", 0);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn the_first_in_the_order_of_the_starts_is_named() {
    let mut stage = Stage::new([
        service("web", |web| after(web, "migrate", Condition::CompletedSuccessfully)),
        service("migrate", |_| {}),
    ]);
    stage.up();
    stage.spawned("migrate-1");
    stage.exits("migrate-1", 4);
    assert_eq!(reason(&stage), "migrate exited with code 4");
}

#[test]
fn a_failure_is_told_while_others_are_still_on_their_way() {
    let mut stage = Stage::new([service("a", |a| a.readiness = LISTENS), service("b", |_| {})]);
    stage.up();
    stage.spawned("b-1");
    stage.exits("b-1", 1);
    assert_eq!(reason(&stage), "b exited with code 1");
}

/// A server that is started again whenever it ends, after its first start.
fn restarted() -> Stage {
    let mut stage = Stage::new([service("web", |web| {
        web.readiness = LISTENS;
        always(web);
    })]);
    stage.up();
    stage.spawned("web-1");
    stage
}

#[test]
fn one_that_dies_before_it_was_ever_ready_has_failed_though_it_is_started_again() {
    let mut stage = restarted();
    assert_eq!(stage.exits("web-1", 1), ["BackOff web-1 100ms"]);
    assert_eq!(reason(&stage), "web exited with code 1");
    stage.time_out("web-1", TimerKind::BackOff);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    stage.spawned("web-1");
    stage.exits("web-1", 2);
    assert_eq!(reason(&stage), "web exited with code 2");
    stage.time_out("web-1", TimerKind::BackOff);
    stage.spawned("web-1");
    stage.listening("web-1");
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn an_up_does_not_wait_for_a_restart_and_begins_anew() {
    let mut stage = restarted();
    stage.listening("web-1");
    stage.exits("web-1", 1);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    let timer = stage.timer("web-1", TimerKind::BackOff);
    assert_eq!(stage.up(), ["spawn web-1"]);
    assert!(stage.tell(Event::Timer(timer)).is_empty());
    stage.spawned("web-1");
    // What it was before does not help whoever waits now.
    assert_eq!(stage.exits("web-1", 1), ["BackOff web-1 100ms"]);
    assert_eq!(reason(&stage), "web exited with code 1");
}

#[test]
fn one_that_was_ready_counts_as_failed_after_four_ends_in_a_row_and_may_recover() {
    let mut stage = restarted();
    stage.listening("web-1");
    stage.exits("web-1", 1);
    stage.time_out("web-1", TimerKind::BackOff);
    for _ in 0..2 {
        stage.spawned("web-1");
        stage.exits("web-1", 1);
        assert_eq!(stage.machine.outcome(), Outcome::Pending);
        stage.time_out("web-1", TimerKind::BackOff);
    }
    stage.spawned("web-1");
    stage.exits("web-1", 1);
    assert_eq!(reason(&stage), "web exited with code 1, 4 times in a row");
    stage.time_out("web-1", TimerKind::BackOff);
    stage.spawned("web-1");
    stage.listening("web-1");
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn what_dies_after_it_was_ready_is_told() {
    let mut stage = Stage::ready([service("a", |a| a.readiness = LISTENS)]);
    stage.exits("a-1", 2);
    assert_eq!(reason(&stage), "a exited with code 2");
}
