//! Replacing replicas one after another.

use std::time::Duration;

use backlot_plan::supervise::{Event, Outcome, Readiness, Release, Replacement, TimerKind};
use backlot_plan::{Condition, Dependency};

use crate::stage::{LISTENS, Stage, after, always, service, web};

/// The next old one goes.
fn leave(stage: &mut Stage, name: &str) -> Vec<String> {
    assert_eq!(stage.drained(name), [format!("signal 15 {name}"), format!("Grace {name} 10s")]);
    stage.exits(name, 0)
}

#[test]
fn each_new_one_is_in_the_gateway_before_an_old_one_is_drained_and_the_next_comes_while_that_ends() {
    let mut stage = Stage::ready([web(2)]);
    assert_eq!(stage.restart("web", true), ["spawn web-3 of 7"]);
    assert_eq!(stage.spawned("web-3"), ["ListenLimit web-3 30s"]);
    assert_eq!(stage.listening("web-3"), ["add web-3", "drain web-1", "DrainLimit web-1 10s"]);
    assert_eq!(stage.drained("web-1"), ["signal 15 web-1", "Grace web-1 10s", "spawn web-4 of 7"]);
    stage.spawned("web-4");
    assert_eq!(stage.exits("web-1", 0), ["web-1 is gone"]);
    assert_eq!(
        stage.listening("web-4"),
        ["add web-4", "drain web-2", "DrainLimit web-2 10s", "rollout done"]
    );
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    let is_serving = |stage: &Stage| stage.machine.status().all(|status| status.is_serving());
    assert!(!is_serving(&stage), "the last old one has requests left");
    assert_eq!(stage.drained("web-2"), ["signal 15 web-2", "Grace web-2 10s"]);
    assert!(is_serving(&stage) && stage.machine.outcome() == Outcome::Pending, "its process ends still");
    assert_eq!(stage.exits("web-2", 0), ["web-2 is gone"]);
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
    assert_eq!(stage.names(), ["web-3", "web-4"]);
}

#[test]
fn those_that_take_long_to_end_do_not_pile_up() {
    let mut stage = Stage::ready([web(2)]);
    stage.restart("web", true);
    for (new, old) in [("web-3", "web-1"), ("web-4", "web-2")] {
        stage.spawned(new);
        stage.listening(new);
        stage.drained(old);
    }
    // Both old ones still end: the next rollout waits for one of them.
    assert!(stage.restart("web", true).is_empty());
    assert_eq!(stage.exits("web-1", 0), ["web-1 is gone", "spawn web-1 of 7"]);
    assert_eq!(stage.names(), ["web-1", "web-2", "web-3", "web-4"]);
}

#[test]
fn a_new_one_that_dies_ends_the_rollout_and_the_old_ones_stay() {
    let mut spec = web(2);
    always(&mut spec);
    let mut stage = Stage::ready([spec]);
    stage.restart("web", true);
    stage.spawned("web-3");
    assert_eq!(
        stage.exits("web-3", 1),
        [
            "web-3 failed: exited with code 1",
            "rollout aborted: was not replaced: the new web-3 exited with code 1",
            "web-3 is gone",
        ]
    );
    assert_eq!(stage.names(), ["web-1", "web-2"]);
    let Outcome::Failed { reason, .. } = stage.machine.outcome() else { panic!() };
    assert_eq!(reason.to_string(), "was not replaced: the new web-3 exited with code 1");
    // What is started from now on is made of what works.
    assert_eq!(stage.scale("web", 3), ["spawn web-3"]);
    stage.be_well();
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_new_one_that_is_not_well_ends_the_rollout_and_goes_without_having_had_requests() {
    let mut stage = Stage::ready([web(1)]);
    stage.restart("web", true);
    stage.spawned("web-2");
    let actions = stage.time_out("web-2", TimerKind::ListenLimit);
    assert_eq!(actions[0], "web-2 does not listen after 30s");
    assert_eq!(actions[1], "rollout aborted: was not replaced: the new web-2 does not listen after 30s");
    assert!(!actions.iter().any(|action| action.contains("add") || action.contains("web-1")), "{actions:?}");
}

#[test]
fn a_new_one_that_fails_after_it_was_ready_ends_the_rollout_before_the_next_step() {
    let mut spec = web(2);
    always(&mut spec);
    let mut stage = Stage::ready([spec]);
    stage.restart("web", true);
    stage.spawned("web-3");
    stage.listening("web-3");
    let actions = stage.exits("web-3", 1);
    assert!(actions.contains(&"rollout aborted: was not replaced: the new web-3 exited with code 1".into()));
    assert_eq!(leave(&mut stage, "web-1"), ["web-1 is gone"]);
    assert_eq!(stage.names(), ["web-2", "web-3"]);
}

#[test]
fn a_new_one_that_outlived_its_rollout_and_failed_is_tried_again_as_an_old_one() {
    let mut stage = Stage::ready([web(2)]);
    stage.restart("web", true);
    stage.spawned("web-3");
    stage.listening("web-3");
    stage.exits("web-3", 1);
    assert_eq!(stage.up(), ["spawn web-3"]);
}

#[test]
fn an_old_one_that_does_nothing_is_replaced_first() {
    let mut stage = Stage::ready([web(2)]);
    stage.exits("web-2", 1);
    stage.restart("web", true);
    stage.spawned("web-3");
    assert_eq!(stage.listening("web-3"), ["add web-3", "web-2 is gone", "spawn web-2 of 7"]);
}

#[test]
fn where_all_have_ended_the_new_ones_take_nobodys_place_and_may_end_as_well() {
    for exit in [0, 1] {
        let plain = service("plain", |plain| {
            plain.readiness = Readiness::Running { for_at_least: Duration::from_millis(300) };
        });
        let mut stage = Stage::new([plain]);
        stage.up();
        stage.spawned("plain-1");
        stage.exits("plain-1", exit);
        assert_eq!(stage.restart("plain", true), ["plain-1 is gone", "spawn plain-1 of 7"]);
        stage.spawned("plain-1");
        assert_eq!(stage.exits("plain-1", 0), ["plain-1 completed"]);
        assert_eq!(stage.machine.outcome(), Outcome::Ready);
    }
}

#[test]
fn a_second_rollout_takes_over_from_the_first() {
    let mut stage = Stage::ready([web(1)]);
    stage.restart("web", true);
    stage.spawned("web-2");
    let again = backlot_plan::supervise::Command::Restart {
        service: stage.service("web"),
        release: Release(8),
        rolling: true,
    };
    assert_eq!(stage.tell(Event::Command(again)), ["signal 15 web-2", "Grace web-2 10s"]);
    assert_eq!(stage.exits("web-2", 0), ["web-2 is gone", "spawn web-2 of 8"]);
    stage.spawned("web-2");
    stage.exits("web-2", 1);
    // Both were given up: the release is the one from before both.
    assert_eq!(stage.scale("web", 2), ["spawn web-2"]);
}

#[test]
fn a_scale_up_in_a_rollout_waits_for_its_end() {
    let mut stage = Stage::ready([web(1)]);
    stage.restart("web", true);
    assert!(stage.scale("web", 3).is_empty());
    stage.spawned("web-2");
    assert_eq!(
        stage.listening("web-2"),
        ["add web-2", "drain web-1", "DrainLimit web-1 10s", "rollout done", "spawn web-3 of 7"]
    );
}

#[test]
fn a_scale_down_in_a_rollout_takes_old_ones() {
    let mut stage = Stage::ready([web(2)]);
    stage.restart("web", true);
    assert_eq!(stage.scale("web", 1), ["drain web-2", "DrainLimit web-2 10s"]);
}

#[test]
fn a_down_ends_a_rollout() {
    let mut stage = Stage::ready([web(1)]);
    stage.restart("web", true);
    stage.spawned("web-2");
    let actions = stage.down();
    assert_eq!(actions, ["drain web-1", "DrainLimit web-1 10s", "signal 15 web-2", "Grace web-2 10s"]);
    stage.exits("web-1", 0);
    stage.exits("web-2", 0);
    assert_eq!(stage.machine.outcome(), Outcome::Stopped);
}

#[test]
fn what_cannot_run_twice_stops_first() {
    let mut stage = Stage::ready([service("db", |db| {
        db.readiness = LISTENS;
        db.replacement = Replacement::StopFirst;
    })]);
    assert_eq!(stage.restart("db", true), ["signal 15 db-1", "Grace db-1 10s"]);
    assert_eq!(stage.exits("db-1", 0), ["db-1 is gone", "spawn db-1 of 7"]);
}

#[test]
fn those_that_asked_for_it_follow_when_the_rollout_is_done() {
    let mut nginx = service("nginx", |_| {});
    nginx
        .depends_on
        .insert("web".into(), Dependency { condition: Condition::Healthy, required: true, restart: true });
    let mut stage = Stage::ready([web(1), nginx.clone()]);
    assert_eq!(stage.restart("web", true), ["spawn web-2 of 7"]);
    stage.spawned("web-2");
    let actions = stage.listening("web-2");
    assert_eq!(
        actions,
        ["add web-2", "drain web-1", "DrainLimit web-1 10s", "rollout done", "spawn nginx-2"]
    );

    let mut stage = Stage::ready([web(1), nginx]);
    stage.restart("web", true);
    let actions = stage.not_spawned("web-2");
    let aborted = "rollout aborted: depends on web, which was not replaced: the new web-2 could not be started: no such file";
    assert!(actions.contains(&aborted.to_owned()), "{actions:?}");
    assert_eq!(stage.names(), ["web-1", "nginx-1"]);
}

#[test]
fn an_old_one_that_has_not_started_yet_does_not_start_before_it_is_replaced() {
    let mut spec = web(1);
    after(&mut spec, "db", Condition::Healthy);
    let mut stage = Stage::new([service("db", |db| db.readiness = LISTENS), spec]);
    stage.up();
    stage.spawned("db-1");
    stage.restart("web", true);
    assert_eq!(stage.listening("db-1"), ["spawn web-2 of 7"]);
}
