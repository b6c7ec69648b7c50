//! When a running replica is well.

use std::time::Duration;

use backlot_plan::HealthTimes;
use backlot_plan::supervise::{Event, Health, Phase, Readiness, TimerKind};

use crate::stage::{CHECKED, LISTENS, Stage, service};

fn checked(change: impl FnOnce(&mut HealthTimes)) -> Stage {
    let mut check = match CHECKED {
        Readiness::Check(check) => check,
        Readiness::Running { .. } | Readiness::Listening { .. } => unreachable!(),
    };
    change(&mut check);
    let mut stage = Stage::new([service("db", |db| {
        db.readiness = Readiness::Check(check);
        db.gateway = true;
    })]);
    stage.up();
    stage.spawned("db-1");
    stage
}

fn health(stage: &Stage) -> Health {
    match stage.phase("db-1") {
        Phase::Running { health, .. } => health,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_check_comes_at_once_and_a_success_is_enough() {
    let mut stage = checked(|_| {});
    assert_eq!(stage.check_ok("db-1"), ["add db-1", "NextCheck db-1 10s"]);
    assert_eq!(stage.time_out("db-1", TimerKind::NextCheck), ["CheckLimit db-1 3s", "check db-1"]);
}

#[test]
fn while_it_starts_it_is_checked_quickly_at_first_and_such_failures_do_not_count() {
    let mut stage = checked(|_| {});
    for pause in ["50ms", "100ms", "200ms", "400ms", "400ms", "400ms"] {
        assert_eq!(stage.check_fails("db-1"), [format!("NextCheck db-1 {pause}")]);
        stage.pass(Duration::from_millis(400));
        stage.time_out("db-1", TimerKind::NextCheck);
    }
    assert_eq!(health(&stage), Health::Starting);
}

#[test]
fn failures_that_are_an_interval_apart_make_it_unhealthy() {
    let mut stage = checked(|_| {});
    for (seconds, counts) in [(9, false), (1, true), (9, false), (1, true)] {
        assert_eq!(health(&stage), Health::Starting);
        stage.pass(Duration::from_secs(seconds));
        let actions = stage.check_fails("db-1");
        let quick = actions.iter().all(|action| action.starts_with("NextCheck db-1"));
        assert!(quick || counts, "{actions:?}");
        stage.time_out("db-1", TimerKind::NextCheck);
    }
    assert_eq!(stage.machine.outcome(), failed(&stage, "is unhealthy after 2 failed checks: refused"));
}

fn failed(stage: &Stage, text: &str) -> backlot_plan::supervise::Outcome {
    let outcome = stage.machine.outcome();
    match &outcome {
        backlot_plan::supervise::Outcome::Failed { reason, .. } => assert_eq!(reason.to_string(), text),
        other => panic!("{other:?}"),
    }
    outcome
}

#[test]
fn failures_in_the_start_period_do_not_count_and_a_success_ends_it() {
    let mut stage = checked(|check| {
        check.start_period = Duration::from_secs(100);
        check.start_interval = Duration::from_millis(70);
        check.retries = 1;
    });
    assert_eq!(stage.check_fails("db-1"), ["NextCheck db-1 50ms"]);
    stage.pass(Duration::from_secs(99));
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(stage.check_fails("db-1"), ["NextCheck db-1 70ms"]);
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(stage.check_ok("db-1"), ["add db-1", "NextCheck db-1 10s"]);
    stage.time_out("db-1", TimerKind::NextCheck);
    let actions = stage.check_fails("db-1");
    assert_eq!(
        actions,
        ["remove db-1", "db-1 is unhealthy after 1 failed checks: refused", "NextCheck db-1 10s"]
    );
}

#[test]
fn once_healthy_only_failures_in_a_row_count() {
    let mut stage = checked(|_| {});
    stage.check_ok("db-1");
    for _ in 0..3 {
        stage.time_out("db-1", TimerKind::NextCheck);
        assert_eq!(stage.check_fails("db-1"), ["NextCheck db-1 10s"]);
        stage.time_out("db-1", TimerKind::NextCheck);
        assert_eq!(stage.check_ok("db-1"), ["NextCheck db-1 10s"]);
    }
}

#[test]
fn one_that_heals_gets_requests_again() {
    let mut stage = checked(|check| check.retries = 1);
    stage.check_ok("db-1");
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(stage.check_fails("db-1")[0], "remove db-1");
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(stage.check_ok("db-1"), ["add db-1", "NextCheck db-1 10s"]);
}

#[test]
fn a_check_without_an_answer_is_a_failure_and_its_late_answer_is_not_heard() {
    let mut stage = checked(|check| check.retries = 1);
    stage.check_ok("db-1");
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(
        stage.time_out("db-1", TimerKind::CheckLimit),
        ["remove db-1", "db-1 is unhealthy after 1 failed checks: no answer within 3s", "NextCheck db-1 10s"]
    );
    assert!(stage.check_ok("db-1").is_empty());
}

#[test]
fn retries_of_zero_mean_one() {
    let mut stage = checked(|check| check.retries = 0);
    stage.check_ok("db-1");
    stage.time_out("db-1", TimerKind::NextCheck);
    assert_eq!(stage.check_fails("db-1")[0], "remove db-1");
}

#[test]
fn one_that_listens_elsewhere_is_told_at_once() {
    let mut stage = Stage::new([service("web", |web| web.readiness = LISTENS)]);
    stage.up();
    stage.spawned("web-1");
    let replica = stage.id("web-1");
    let elsewhere = Event::ListensElsewhere { replica, address: "0.0.0.0:9000".into() };
    assert_eq!(stage.tell(elsewhere), ["web-1 listens on 0.0.0.0:9000"]);
    assert_eq!(stage.machine.outcome(), failed(&stage, "listens on 0.0.0.0:9000"));
}

#[test]
fn one_that_never_listens_is_ready_when_nobody_waits_for_it_any_longer_and_may_end_well() {
    let mut stage = Stage::new([service("worker", |worker| worker.readiness = LISTENS)]);
    stage.up();
    stage.spawned("worker-1");
    stage.tell(Event::Quiet(stage.id("worker-1")));
    assert_eq!(stage.machine.outcome(), backlot_plan::supervise::Outcome::Ready);
    assert_eq!(stage.exits("worker-1", 0), ["worker-1 completed"]);
    assert_eq!(stage.machine.outcome(), backlot_plan::supervise::Outcome::Ready);
}

#[test]
fn one_without_a_check_may_have_to_run_for_a_while() {
    let mut stage = Stage::new([service("worker", |worker| {
        worker.readiness = Readiness::Running { for_at_least: Duration::from_millis(300) };
        worker.gateway = true;
    })]);
    stage.up();
    assert_eq!(stage.spawned("worker-1"), ["Settled worker-1 300ms"]);
    assert_eq!(stage.time_out("worker-1", TimerKind::Settled), ["add worker-1"]);
}

#[test]
fn what_is_said_of_an_earlier_process_is_not_taken_for_the_present_one() {
    let mut stage = Stage::new([service("web", |web| {
        web.readiness = LISTENS;
        crate::stage::always(web);
    })]);
    stage.up();
    let earlier = stage.id("web-1");
    stage.spawned("web-1");
    let limit = stage.timer("web-1", TimerKind::ListenLimit);
    stage.exits("web-1", 1);
    stage.time_out("web-1", TimerKind::BackOff);
    stage.spawned("web-1");
    for late in
        [Event::Listening(earlier), Event::Timer(limit), Event::Drained(earlier), Event::Spawned(earlier)]
    {
        assert!(stage.tell(late).is_empty());
    }
    assert!(matches!(stage.phase("web-1"), Phase::Running { health: Health::Starting, .. }));
}
