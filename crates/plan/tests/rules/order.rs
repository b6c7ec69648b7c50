//! What starts when.

use backlot_plan::supervise::{Outcome, Phase, ServiceSpec, TimerKind};
use backlot_plan::{Condition, Dependency};

use crate::stage::{CHECKED, LISTENS, Stage, after, always, needs, service};

fn needing(name: &str, other: &str, condition: Condition) -> ServiceSpec {
    service(name, |spec| after(spec, other, condition))
}

#[test]
fn what_depends_on_nothing_starts_at_once() {
    let mut stage = Stage::new([service("a", |_| {}), service("b", |b| b.replicas = 2)]);
    assert_eq!(stage.up(), ["spawn a-1", "spawn b-1", "spawn b-2"]);
}

#[test]
fn started_waits_for_the_process_only() {
    let mut stage =
        Stage::new([service("db", |db| db.readiness = CHECKED), needing("web", "db", Condition::Started)]);
    assert_eq!(stage.up(), ["spawn db-1"]);
    assert_eq!(stage.spawned("db-1"), ["CheckLimit db-1 3s", "check db-1", "spawn web-1"]);
}

#[test]
fn started_holds_of_what_ended_since() {
    let mut stage = Stage::new([
        service("a", |_| {}),
        service("b", |_| {}),
        service("web", |web| {
            after(web, "a", Condition::Started);
            after(web, "b", Condition::Started);
        }),
    ]);
    stage.up();
    stage.spawned("a-1");
    stage.exits("a-1", 1);
    assert_eq!(stage.spawned("b-1"), ["spawn web-1"]);
}

#[test]
fn healthy_waits_for_every_replica() {
    let mut stage = Stage::new([
        service("db", |db| {
            db.readiness = CHECKED;
            db.replicas = 2;
        }),
        needing("web", "db", Condition::Healthy),
    ]);
    stage.up();
    stage.spawned("db-1");
    stage.spawned("db-2");
    assert_eq!(stage.check_ok("db-1"), ["NextCheck db-1 10s"]);
    assert_eq!(stage.check_ok("db-2"), ["NextCheck db-2 10s", "spawn web-1"]);
}

#[test]
fn without_a_check_healthy_means_listening() {
    let mut stage =
        Stage::new([service("db", |db| db.readiness = LISTENS), needing("web", "db", Condition::Healthy)]);
    stage.up();
    assert_eq!(stage.spawned("db-1"), ["ListenLimit db-1 30s"]);
    assert_eq!(stage.listening("db-1"), ["spawn web-1"]);
}

#[test]
fn an_unhealthy_dependency_may_still_heal() {
    let mut stage =
        Stage::new([service("db", |db| db.readiness = LISTENS), needing("web", "db", Condition::Healthy)]);
    stage.up();
    stage.spawned("db-1");
    assert_eq!(stage.time_out("db-1", TimerKind::ListenLimit), ["db-1 does not listen after 30s"]);
    assert_eq!(stage.phase("web-1"), Phase::Waiting);
    assert_eq!(stage.listening("db-1"), ["spawn web-1"]);
}

#[test]
fn a_job_that_ends_well_lets_its_dependents_start() {
    let mut stage =
        Stage::new([service("migrate", |_| {}), needing("web", "migrate", Condition::CompletedSuccessfully)]);
    assert_eq!(stage.up(), ["spawn migrate-1"]);
    assert!(stage.spawned("migrate-1").is_empty());
    assert_eq!(stage.exits("migrate-1", 0), ["migrate-1 completed", "spawn web-1"]);
    stage.spawned("web-1");
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_job_is_not_restarted_when_it_ended_well_whatever_its_policy() {
    let mut stage =
        Stage::new([service("migrate", always), needing("web", "migrate", Condition::CompletedSuccessfully)]);
    stage.up();
    stage.spawned("migrate-1");
    assert_eq!(stage.exits("migrate-1", 1), ["BackOff migrate-1 100ms"]);
    assert_eq!(stage.time_out("migrate-1", TimerKind::BackOff), ["spawn migrate-1"]);
    stage.spawned("migrate-1");
    assert_eq!(stage.exits("migrate-1", 0), ["migrate-1 completed", "spawn web-1"]);
}

#[test]
fn a_failed_job_is_named_by_all_that_depend_on_it() {
    let mut stage = Stage::new([
        service("migrate", |_| {}),
        needing("web", "migrate", Condition::CompletedSuccessfully),
        needing("nginx", "web", Condition::Started),
    ]);
    stage.up();
    stage.spawned("migrate-1");
    assert_eq!(
        stage.exits("migrate-1", 3),
        [
            "migrate-1 failed: exited with code 3",
            "web-1 depends on migrate, which exited with code 3",
            "nginx-1 depends on migrate, which exited with code 3",
        ]
    );
}

#[test]
fn what_was_blocked_starts_when_its_dependency_does_well_after_all() {
    let mut stage =
        Stage::new([service("migrate", |_| {}), needing("web", "migrate", Condition::CompletedSuccessfully)]);
    stage.up();
    stage.spawned("migrate-1");
    stage.exits("migrate-1", 3);
    assert_eq!(stage.up(), ["spawn migrate-1"]);
    assert_eq!(stage.phase("web-1"), Phase::Waiting);
    stage.spawned("migrate-1");
    assert_eq!(stage.exits("migrate-1", 0), ["migrate-1 completed", "spawn web-1"]);
}

#[test]
fn what_could_not_be_spawned_blocks_even_those_that_need_it_started() {
    let mut stage = Stage::new([service("db", always), needing("web", "db", Condition::Started)]);
    stage.up();
    assert_eq!(
        stage.not_spawned("db-1"),
        [
            "db-1 failed: could not be started: no such file",
            "web-1 depends on db, which could not be started: no such file",
        ]
    );
}

#[test]
fn what_is_not_required_is_waited_for_only_while_it_may_come_true() {
    let optional = Dependency { condition: Condition::Healthy, required: false, restart: false };
    let mut stage = Stage::new([
        service("cache", |cache| cache.readiness = LISTENS),
        service("web", |web| needs(web, "cache", optional)),
    ]);
    assert_eq!(stage.up(), ["spawn cache-1"]);
    assert_eq!(stage.spawned("cache-1"), ["ListenLimit cache-1 30s"]);
    assert_eq!(stage.exits("cache-1", 1), ["cache-1 failed: exited with code 1", "spawn web-1"]);
}

#[test]
fn a_service_of_no_replicas_is_not_waited_for() {
    let mut stage =
        Stage::new([service("db", |db| db.replicas = 0), needing("web", "db", Condition::Healthy)]);
    assert_eq!(stage.up(), ["spawn web-1"]);
}

#[test]
fn up_of_one_service_starts_what_it_depends_on_and_nothing_else() {
    let mut stage = Stage::new([
        service("db", |_| {}),
        needing("web", "db", Condition::Started),
        service("mail", |_| {}),
    ]);
    let services = vec![stage.service("web")];
    let up = backlot_plan::supervise::Event::Command(backlot_plan::supervise::Command::Up { services });
    assert_eq!(stage.tell(up), ["spawn db-1"]);
    assert_eq!(stage.spawned("db-1"), ["spawn web-1"]);
    assert_eq!(stage.names(), ["db-1", "web-1"]);
    assert_eq!(stage.machine.outcome(), Outcome::Pending);
    stage.spawned("web-1");
    assert_eq!(stage.machine.outcome(), Outcome::Ready);
}

#[test]
fn a_restart_by_policy_does_not_wait_for_dependencies() {
    let mut stage = Stage::ready([
        service("db", |db| db.readiness = LISTENS),
        service("web", |web| {
            after(web, "db", Condition::Healthy);
            always(web);
        }),
    ]);
    stage.exits("db-1", 1);
    stage.exits("web-1", 1);
    assert_eq!(stage.time_out("web-1", TimerKind::BackOff), ["spawn web-1"]);
}
