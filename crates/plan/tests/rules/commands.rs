//! Scale and restart.

use backlot_plan::supervise::Outcome;
use backlot_plan::{Condition, Dependency};

use crate::stage::{LISTENS, Stage, after, needs, service, web};

#[test]
fn a_scale_up_takes_the_lowest_free_places() {
    let mut stage = Stage::ready([web(2)]);
    assert_eq!(stage.scale("web", 4), ["spawn web-3", "spawn web-4"]);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
}

#[test]
fn a_scale_down_takes_those_that_do_nothing_then_the_newest() {
    let mut stage = Stage::ready([web(3)]);
    stage.exits("web-1", 1);
    assert_eq!(stage.scale("web", 2), ["web-1 is gone"]);
    assert_eq!(stage.scale("web", 1), ["drain web-3", "DrainLimit web-3 10s"]);
    assert_eq!(stage.names(), ["web-2", "web-3"]);
}

#[test]
fn a_scale_to_nothing_and_back() {
    let mut stage = Stage::ready([web(1)]);
    stage.scale("web", 0);
    stage.exits("web-1", 0);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
    assert_eq!(stage.scale("web", 1), ["spawn web-1"]);
}

#[test]
fn a_scale_does_not_start_what_is_stopped() {
    let mut stage = Stage::ready([web(1)]);
    stage.stop("web");
    stage.exits("web-1", 0);
    assert!(stage.scale("web", 2).is_empty());
    assert_eq!(stage.up(), ["spawn web-1", "spawn web-2"]);
}

#[test]
fn a_restart_stops_all_and_starts_each_in_a_place_that_is_free() {
    let mut stage = Stage::ready([service("a", |a| a.replicas = 2)]);
    let actions = stage.restart("a", false);
    assert_eq!(actions, ["signal 15 a-1", "Grace a-1 10s", "signal 15 a-2", "Grace a-2 10s"]);
    assert_eq!(stage.exits("a-2", 0), ["a-2 is gone", "spawn a-2 of 7"]);
    assert_eq!(stage.exits("a-1", 0), ["a-1 is gone", "spawn a-1 of 7"]);
}

#[test]
fn a_restart_takes_those_with_it_that_asked_for_it_around_the_service() {
    let with = |restart| Dependency { condition: Condition::Healthy, required: true, restart };
    let mut stage = Stage::ready([
        service("db", |db| db.readiness = LISTENS),
        service("web", |web| needs(web, "db", with(true))),
        service("mail", |mail| needs(mail, "db", with(false))),
    ]);
    assert_eq!(stage.restart("db", false), ["signal 15 web-1", "Grace web-1 10s"]);
    assert_eq!(stage.exits("web-1", 0), ["web-1 is gone", "signal 15 db-1", "Grace db-1 10s"]);
    assert_eq!(stage.exits("db-1", 0), ["db-1 is gone", "spawn db-1 of 7"]);
    stage.spawned("db-1");
    assert_eq!(stage.listening("db-1"), ["spawn web-1"]);
    assert_eq!(stage.names(), ["db-1", "web-1", "mail-1"]);
}

#[test]
fn a_crash_does_not_take_those_with_it_that_asked_for_restarts() {
    let dependency = Dependency { condition: Condition::Started, required: true, restart: true };
    let mut stage = Stage::ready([
        service("db", crate::stage::always),
        service("web", |web| needs(web, "db", dependency)),
    ]);
    assert_eq!(stage.exits("db-1", 1), ["BackOff db-1 100ms"]);
}

#[test]
fn an_up_of_what_is_up_changes_nothing_and_runs_no_job_again() {
    let mut stage = Stage::new([
        service("migrate", |_| {}),
        service("web", |web| after(web, "migrate", Condition::CompletedSuccessfully)),
    ]);
    stage.up();
    stage.spawned("migrate-1");
    stage.exits("migrate-1", 0);
    stage.spawned("web-1");
    assert!(stage.up().is_empty());
    assert_eq!(stage.restart("migrate", true), ["migrate-1 is gone", "spawn migrate-1 of 7"]);
}
