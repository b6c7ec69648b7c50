//! What happens when a process ends.

use std::time::Duration;

use backlot_plan::RestartPolicy;
use backlot_plan::supervise::{Phase, TimerKind};

use crate::stage::{LISTENS, Stage, always, service, web};

fn policy(policy: RestartPolicy) -> Stage {
    let mut stage = Stage::new([service("job", |job| job.restart = policy)]);
    stage.up();
    stage.spawned("job-1");
    stage
}

#[test]
fn each_policy_by_its_exit_code() {
    let on_failure = RestartPolicy::OnFailure(None);
    let never = RestartPolicy::OnFailure(Some(0));
    let cases = [
        (RestartPolicy::No, 0, "job-1 completed"),
        (RestartPolicy::No, 1, "job-1 failed: exited with code 1"),
        (RestartPolicy::Always, 0, "BackOff job-1 100ms"),
        (RestartPolicy::Always, 1, "BackOff job-1 100ms"),
        (RestartPolicy::UnlessStopped, 0, "BackOff job-1 100ms"),
        (RestartPolicy::UnlessStopped, 1, "BackOff job-1 100ms"),
        (on_failure, 0, "job-1 completed"),
        (on_failure, 1, "BackOff job-1 100ms"),
        (never, 1, "job-1 failed: exited with code 1"),
    ];
    for (restart, code, expected) in cases {
        assert_eq!(policy(restart).exits("job-1", code), [expected], "{restart:?}, {code}");
    }
}

#[test]
fn the_pause_doubles_from_100_ms_to_a_minute() {
    let mut stage = policy(RestartPolicy::Always);
    for pause in
        ["100ms", "200ms", "400ms", "800ms", "1.6s", "3.2s", "6.4s", "12.8s", "25.6s", "51.2s", "60s", "60s"]
    {
        assert_eq!(stage.exits("job-1", 1), [format!("BackOff job-1 {pause}")]);
        stage.time_out("job-1", TimerKind::BackOff);
        stage.spawned("job-1");
    }
}

#[test]
fn ten_seconds_of_running_make_the_pause_short_again() {
    let mut stage = policy(RestartPolicy::Always);
    for (ran, pause) in [(1, "100ms"), (9, "200ms"), (10, "100ms"), (1, "200ms"), (60, "100ms")] {
        stage.pass(Duration::from_secs(ran));
        assert_eq!(stage.exits("job-1", 1), [format!("BackOff job-1 {pause}")], "after {ran} s");
        stage.time_out("job-1", TimerKind::BackOff);
        stage.spawned("job-1");
    }
}

#[test]
fn on_failure_gives_up_after_its_number_of_restarts() {
    let mut stage = policy(RestartPolicy::OnFailure(Some(2)));
    for _ in 0..2 {
        // A long life does not give back what was used.
        stage.pass(Duration::from_secs(20));
        assert_eq!(stage.exits("job-1", 1), ["BackOff job-1 100ms"]);
        stage.time_out("job-1", TimerKind::BackOff);
        stage.spawned("job-1");
    }
    assert_eq!(stage.exits("job-1", 1), ["job-1 failed: exited with code 1"]);
}

#[test]
fn an_up_tries_again_with_all_restarts_anew() {
    let mut stage = policy(RestartPolicy::OnFailure(Some(1)));
    for _ in 0..2 {
        stage.exits("job-1", 1);
        stage.time_out("job-1", TimerKind::BackOff);
        stage.spawned("job-1");
        assert_eq!(stage.exits("job-1", 1), ["job-1 failed: exited with code 1"]);
        assert_eq!(stage.up(), ["spawn job-1"]);
        stage.spawned("job-1");
    }
}

#[test]
fn a_server_that_ends_well_has_failed() {
    let mut stage = Stage::new([service("web", |web| web.readiness = LISTENS)]);
    stage.up();
    stage.spawned("web-1");
    stage.listening("web-1");
    assert_eq!(stage.exits("web-1", 0), ["web-1 failed: exited with code 0"]);
}

#[test]
fn one_that_dies_gets_no_more_requests_and_some_again_after_its_restart() {
    let mut spec = web(2);
    always(&mut spec);
    let mut stage = Stage::ready([spec]);
    assert_eq!(stage.exits("web-1", 1), ["remove web-1", "BackOff web-1 100ms"]);
    assert_eq!(stage.time_out("web-1", TimerKind::BackOff), ["spawn web-1"]);
    stage.spawned("web-1");
    assert_eq!(stage.listening("web-1"), ["add web-1"]);
}

#[test]
fn what_ran_before_and_cannot_be_spawned_now_is_tried_again() {
    let mut stage = policy(RestartPolicy::Always);
    stage.exits("job-1", 1);
    stage.time_out("job-1", TimerKind::BackOff);
    assert_eq!(stage.not_spawned("job-1"), ["BackOff job-1 200ms"]);
}

#[test]
fn one_that_is_stopped_is_not_restarted() {
    for restart in [RestartPolicy::Always, RestartPolicy::UnlessStopped] {
        let mut stage = policy(restart);
        stage.stop("job");
        assert_eq!(stage.exits("job-1", 1), ["job-1 is gone"]);
    }
}

#[test]
fn one_that_waits_for_its_restart_goes_at_once() {
    let mut stage = policy(RestartPolicy::Always);
    stage.exits("job-1", 1);
    let timer = stage.timer("job-1", TimerKind::BackOff);
    assert_eq!(stage.stop("job"), ["job-1 is gone"]);
    assert!(stage.tell(backlot_plan::supervise::Event::Timer(timer)).is_empty());
}

#[test]
fn every_restart_is_a_new_process_in_the_same_place() {
    let mut stage = policy(RestartPolicy::Always);
    let first = stage.id("job-1");
    stage.exits("job-1", 1);
    assert!(matches!(stage.phase("job-1"), Phase::BackingOff { .. }));
    stage.time_out("job-1", TimerKind::BackOff);
    assert!(stage.id("job-1").run > first.run);
}
