//! How things go.

use std::time::Duration;

use backlot_plan::Condition;
use backlot_plan::supervise::{Command, Event, Outcome, Signal, TimerKind};

use crate::stage::{LISTENS, Stage, after, service, web};

fn three() -> Stage {
    let mut nginx = service("nginx", |nginx| after(nginx, "web", Condition::Started));
    nginx.stop_signal = Signal(3);
    let mut web = web(1);
    after(&mut web, "db", Condition::Healthy);
    Stage::ready([nginx, web, service("db", |db| db.readiness = LISTENS)])
}

#[test]
fn dependents_go_first_each_with_its_own_signal() {
    let mut stage = three();
    assert_eq!(stage.down(), ["signal 3 nginx-1", "Grace nginx-1 10s"]);
    assert_eq!(stage.exits("nginx-1", 0), ["nginx-1 is gone", "drain web-1", "DrainLimit web-1 10s"]);
    assert_eq!(stage.drained("web-1"), ["signal 15 web-1", "Grace web-1 10s"]);
    assert_eq!(stage.exits("web-1", 0), ["web-1 is gone", "signal 15 db-1", "Grace db-1 10s"]);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    assert_eq!(stage.exits("db-1", 0), ["db-1 is gone"]);
    assert_eq!(stage.machine.outcome(), Outcome::Stopped);
}

#[test]
fn what_depends_on_it_over_another_without_replicas_goes_first_too() {
    let mut middle = service("middle", |middle| after(middle, "db", Condition::Started));
    middle.replicas = 0;
    let mut stage = Stage::ready([
        service("db", |_| {}),
        middle,
        service("top", |top| after(top, "middle", Condition::Started)),
    ]);
    assert_eq!(stage.down(), ["signal 15 top-1", "Grace top-1 10s"]);
}

#[test]
fn one_that_ignores_its_signal_is_killed_after_its_grace() {
    let mut stage = Stage::ready([service("a", |a| a.stop_grace = Duration::from_secs(2))]);
    assert_eq!(stage.down(), ["signal 15 a-1", "Grace a-1 2s"]);
    assert_eq!(stage.time_out("a-1", TimerKind::Grace), ["kill a-1", "KillLimit a-1 5s"]);
    assert_eq!(
        stage.time_out("a-1", TimerKind::KillLimit),
        ["a-1 is unkillable", "kill a-1", "KillLimit a-1 5s"]
    );
    stage.exits("a-1", 9);
    assert_eq!(stage.machine.outcome(), Outcome::Stopped);
}

#[test]
fn those_that_are_there_can_be_hastened_and_those_after_them_are_not() {
    let mut stage = Stage::ready([service("a", |a| a.stop_grace = Duration::from_secs(20))]);
    assert!(stage.hasten("a", Duration::from_secs(1)).is_empty());
    assert_eq!(stage.stop("a"), ["signal 15 a-1", "Grace a-1 1s"]);
    stage.exits("a-1", 0);
    let mut stage = Stage::ready([service("a", |a| a.stop_grace = Duration::from_secs(20))]);
    stage.hasten("a", Duration::from_secs(1));
    assert_eq!(stage.restart("a", false), ["signal 15 a-1", "Grace a-1 1s"]);
    stage.exits("a-1", 0);
    stage.spawned("a-1");
    assert_eq!(stage.stop("a"), ["signal 15 a-1", "Grace a-1 20s"]);
}

#[test]
fn requests_are_waited_for_no_longer_than_the_grace() {
    let mut stage = Stage::ready([web(1)]);
    assert_eq!(stage.down(), ["drain web-1", "DrainLimit web-1 10s"]);
    assert_eq!(stage.time_out("web-1", TimerKind::DrainLimit), ["signal 15 web-1", "Grace web-1 10s"]);
    assert!(stage.drained("web-1").is_empty());
}

#[test]
fn one_that_was_never_ready_has_no_requests_to_wait_for() {
    let mut stage = Stage::new([web(1)]);
    stage.up();
    stage.spawned("web-1");
    assert_eq!(stage.down(), ["signal 15 web-1", "Grace web-1 10s"]);
}

#[test]
fn one_that_dies_while_it_is_drained_is_just_gone() {
    let mut stage = Stage::ready([web(1)]);
    stage.down();
    assert_eq!(stage.exits("web-1", 1), ["web-1 is gone"]);
    assert_eq!(stage.machine.outcome(), Outcome::Stopped);
}

#[test]
fn one_that_is_being_spawned_is_asked_to_end_when_it_is_there() {
    let mut stage = Stage::new([service("a", |_| {})]);
    stage.up();
    assert!(stage.down().is_empty());
    assert_eq!(stage.spawned("a-1"), ["signal 15 a-1", "Grace a-1 10s"]);
}

#[test]
fn a_kill_knows_neither_order_nor_grace() {
    let mut stage = three();
    let actions = stage.tell(Event::Command(Command::Kill));
    let kills: Vec<_> = actions.iter().filter(|action| !action.starts_with("KillLimit")).collect();
    assert_eq!(kills, ["kill db-1", "remove web-1", "kill web-1", "kill nginx-1"]);
}

#[test]
fn a_kill_cuts_a_stop_short_and_reaches_what_is_still_being_spawned() {
    let mut stage = Stage::ready([web(1)]);
    stage.scale("web", 2);
    stage.down();
    assert_eq!(stage.tell(Event::Command(Command::Kill)), ["kill web-1", "KillLimit web-1 5s"]);
    assert_eq!(stage.spawned("web-2"), ["kill web-2", "KillLimit web-2 5s"]);
}

#[test]
fn a_kill_is_not_softened_by_what_comes_after_it() {
    let mut stage = Stage::new([service("a", |_| {})]);
    stage.up();
    stage.tell(Event::Command(Command::Kill));
    stage.down();
    stage.stop("a");
    assert_eq!(stage.spawned("a-1"), ["kill a-1", "KillLimit a-1 5s"]);
}

#[test]
fn stopping_a_service_leaves_its_dependents_alone() {
    let mut stage = three();
    assert_eq!(stage.stop("db"), ["signal 15 db-1", "Grace db-1 10s"]);
    stage.exits("db-1", 0);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
    assert_eq!(stage.scale("web", 2), ["web-2 depends on db, which is stopped"]);
}

#[test]
fn an_up_in_the_middle_of_a_down_waits_for_the_places_to_be_free() {
    let mut stage = Stage::ready([service("a", |_| {})]);
    stage.down();
    assert!(stage.up().is_empty());
    assert_eq!(stage.exits("a-1", 0), ["a-1 is gone", "spawn a-1"]);
}
