//! Another stack takes the place of the present one, while it runs.

use std::time::Duration;

use backlot_plan::supervise::{
    Command, Event, Outcome, Readiness, Release, Replacement, ServiceSpec, TimerKind,
};
use backlot_plan::{Condition, RestartPolicy};

use crate::stage::{CHECKED, LISTENS, Stage, after, service, web};

fn adopt(stage: &mut Stage, services: impl IntoIterator<Item = ServiceSpec>) -> Vec<String> {
    let stack = stage.machine.stack().continued(services.into_iter().collect()).unwrap();
    stage.tell(Event::Command(Command::Adopt { stack: Box::new(stack) }))
}

fn db() -> ServiceSpec {
    service("db", |db| {
        db.readiness = LISTENS;
        db.replacement = Replacement::StopFirst;
    })
}

#[test]
fn the_same_stack_changes_nothing() {
    let mut stage = Stage::ready([web(2), db()]);
    assert!(adopt(&mut stage, [db(), web(2)]).is_empty());
    assert!(stage.up().is_empty());
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_new_service_starts_with_the_next_up_and_touches_nobody() {
    let mut stage = Stage::ready([web(1)]);
    let mut worker = service("worker", |_| {});
    after(&mut worker, "web", Condition::Healthy);
    assert!(adopt(&mut stage, [worker, web(1)]).is_empty());
    assert_eq!(stage.up(), ["spawn worker-1"]);
}

#[test]
fn one_that_is_no_longer_there_is_stopped_and_forgotten() {
    let mut worker = service("worker", |_| {});
    after(&mut worker, "web", Condition::Started);
    let mut stage = Stage::ready([web(1), worker.clone()]);
    assert_eq!(adopt(&mut stage, [web(1)]), ["signal 15 worker-1", "Grace worker-1 10s"]);
    assert_eq!(stage.machine.stack().find("worker"), None);
    assert_eq!(stage.names(), ["web-1", "worker-1"]);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    assert_eq!(stage.exits("worker-1", 0), ["worker-1 is gone"]);
    assert_eq!(stage.names(), ["web-1"]);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
    // It may come back.
    worker.release = Release(9);
    adopt(&mut stage, [web(1), worker]);
    assert_eq!(stage.up(), ["spawn worker-1 of 9"]);
}

#[test]
fn those_that_are_no_longer_there_stop_in_their_order() {
    let mut worker = service("worker", |_| {});
    after(&mut worker, "db", Condition::Healthy);
    let mut stage = Stage::ready([db(), worker, web(1)]);
    assert_eq!(adopt(&mut stage, [web(1)]), ["signal 15 worker-1", "Grace worker-1 10s"]);
    assert_eq!(stage.exits("worker-1", 0), ["worker-1 is gone", "signal 15 db-1", "Grace db-1 10s"]);
}

#[test]
fn a_changed_check_is_asked_at_once_and_one_that_is_ready_keeps_its_requests() {
    let mut stage = Stage::ready([web(1)]);
    let checked = ServiceSpec { readiness: CHECKED, ..web(1) };
    assert_eq!(adopt(&mut stage, [checked]), ["CheckLimit web-1 3s", "check web-1"]);
    // Who waits is told when it is well by the new check, too.
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    assert_eq!(stage.check_ok("web-1"), ["NextCheck web-1 10s"]);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
    stage.time_out("web-1", TimerKind::NextCheck);
    assert_eq!(stage.check_fails("web-1"), ["NextCheck web-1 10s"]);
    stage.time_out("web-1", TimerKind::NextCheck);
    let actions = stage.check_fails("web-1");
    assert_eq!(actions[0], "remove web-1");
    // The check goes: that it listens is known.
    let actions = adopt(&mut stage, [web(1)]);
    assert_eq!(actions, ["ListenLimit web-1 30s", "add web-1"]);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_changed_policy_and_grace_hold_for_those_that_run() {
    let mut stage = Stage::ready([web(1)]);
    let changed =
        ServiceSpec { restart: RestartPolicy::Always, stop_grace: Duration::from_secs(3), ..web(1) };
    assert!(adopt(&mut stage, [changed]).is_empty());
    assert_eq!(stage.exits("web-1", 1), ["remove web-1", "BackOff web-1 100ms"]);
    stage.time_out("web-1", TimerKind::BackOff);
    stage.spawned("web-1");
    stage.listening("web-1");
    assert_eq!(stage.down(), ["drain web-1", "DrainLimit web-1 3s"]);
}

#[test]
fn old_ones_are_judged_by_what_their_own_release_asked_for() {
    let mut stage = Stage::ready([web(2)]);
    let changed = ServiceSpec { readiness: CHECKED, release: Release(5), ..web(2) };
    assert_eq!(adopt(&mut stage, [changed]), ["spawn web-3 of 5"]);
    assert_eq!(stage.spawned("web-3"), ["CheckLimit web-3 3s", "check web-3"]);
    // It fails: what is started from now on is of the old release, and judged like it.
    stage.check_fails("web-3");
    stage.pass(Duration::from_secs(11));
    stage.time_out("web-3", TimerKind::NextCheck);
    stage.check_fails("web-3");
    stage.pass(Duration::from_secs(11));
    stage.time_out("web-3", TimerKind::NextCheck);
    let actions = stage.check_fails("web-3");
    assert!(actions[2].starts_with("rollout aborted"), "{actions:?}");
    stage.exits("web-3", 0);
    assert_eq!(stage.scale("web", 3), ["spawn web-3"]);
    assert_eq!(stage.spawned("web-3"), ["ListenLimit web-3 30s"]);
}

#[test]
fn what_is_not_up_does_not_come_up_by_a_change() {
    let mut stage = Stage::new([service("a", |_| {}), service("b", |_| {})]);
    let a = stage.service("a");
    stage.tell(Event::Command(Command::Up { services: vec![a] }));
    let b = service("b", |b| b.release = Release(4));
    assert!(adopt(&mut stage, [service("a", |_| {}), b]).is_empty());
    assert_eq!(stage.up(), ["spawn b-1 of 4"]);
}

#[test]
fn a_dependency_on_one_that_went_is_an_error_and_an_optional_one_is_forgotten() {
    let mut needs = service("worker", |_| {});
    after(&mut needs, "web", Condition::Healthy);
    let stage = Stage::ready([web(1), needs.clone()]);
    let error = stage.machine.stack().continued(vec![needs.clone()]).unwrap_err();
    assert_eq!(error.to_string(), "worker depends on web, which is not there");
    if let Some(dependency) = needs.depends_on.get_mut("web") {
        dependency.required = false;
    }
    assert!(stage.machine.stack().continued(vec![needs]).is_ok());
}

#[test]
fn one_that_may_not_run_twice_any_more_does_not() {
    let mut stage = Stage::ready([web(1)]);
    stage.restart("web", true);
    stage.spawned("web-2");
    let changed = ServiceSpec {
        release: Release(7),
        replacement: Replacement::StopFirst,
        readiness: Readiness::Running { for_at_least: Duration::ZERO },
        ..web(1)
    };
    adopt(&mut stage, [changed]);
    stage.drained("web-1");
    stage.exits("web-1", 0);
    stage.drained("web-2");
    assert_eq!(stage.exits("web-2", 0), ["web-2 is gone", "spawn web-1 of 7"]);
}
