//! The ports that programs are told.

use std::net::TcpListener;
use std::time::Duration;

use backlot_supervisor::{Readiness, ServiceKind, ServiceRun};
use backlot_testkit::{free_port, wait_until};

use crate::stage::{SERVE, Stage, answers, server};

/// Tells which port it was told, and takes its time before it listens there.
fn slow(endpoint: u16) -> ServiceRun {
    let text = format!("echo told $PORT; while [ ! -e $GO ]; do sleep 0.01; done; {SERVE}");
    server("web", &text, endpoint)
}

fn told(stage: &Stage) -> Vec<u16> {
    let log = stage.log("web");
    log.lines().filter_map(|line| line.split_once("told ")?.1.parse().ok()).collect()
}

/// A stage with that server and the file for which it waits.
fn stage(endpoint: u16) -> (Stage, std::path::PathBuf) {
    let go = std::env::temp_dir().join(format!("backlot-go-{}-{endpoint}", std::process::id()));
    let mut service = slow(endpoint);
    let ServiceKind::Process(process) = &mut service.kind else { unreachable!("a script") };
    process.variables.insert("GO".into(), go.display().to_string());
    (Stage::start([service]), go)
}

#[test]
fn a_program_whose_port_was_taken_is_started_again_with_another() {
    let endpoint = free_port();
    let (stage, go) = stage(endpoint);
    wait_until("it knows its port", || told(&stage).len() == 1);
    let taken = TcpListener::bind(("127.0.0.1", told(&stage)[0])).unwrap();
    std::fs::write(&go, "").unwrap();
    stage.wait_healthy().unwrap();
    assert!(answers(endpoint));
    let log = stage.log("web");
    let said = format!("(backlot: port {}, which it was told, is in use", told(&stage)[0]);
    assert!(log.contains(&said), "{log}");
    if cfg!(target_os = "linux") {
        assert!(log.contains(&format!(" by process {} (", std::process::id())), "{log}");
    }
    let web = &stage.status()[0].replicas[0];
    assert_eq!((web.restarts, web.addresses[0].to_string()), (0, format!("127.0.0.1:{}", told(&stage)[1])));
    drop(taken);
    std::fs::remove_file(go).unwrap();
}

#[test]
fn who_has_the_port_is_told_of_a_program_that_does_not_end() {
    let text = "echo told $PORT; while :; do sleep 1; done";
    let patient = ServiceRun {
        readiness: Readiness::Listening(Duration::from_secs(2)),
        ..server("web", text, free_port())
    };
    let stage = Stage::start([patient]);
    wait_until("it knows its port", || told(&stage).len() == 1);
    let _taken = TcpListener::bind(("127.0.0.1", told(&stage)[0])).unwrap();
    let failed = stage.wait_healthy().unwrap_err().to_string();
    assert!(failed.contains(&format!("port {}, which it was told, is in use", told(&stage)[0])), "{failed}");
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_who_asks_for_any_port_is_given_one_that_was_told() {
    let (stage, go) = stage(free_port());
    wait_until("it knows its port", || told(&stage).len() == 1);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let bounds: Vec<u16> = range.split_whitespace().map(|bound| bound.parse().unwrap()).collect();
    if bounds[0] > 32_000 || bounds[1] < 61_000 {
        assert!(!(bounds[0]..=bounds[1]).contains(&told(&stage)[0]), "{range}: {}", told(&stage)[0]);
    }
    // Nor is another supervisor.
    let claims: Vec<u16> = (0..200).map(|_| backlot_process::PortClaim::any().unwrap().port()).collect();
    assert!(!claims.contains(&told(&stage)[0]));
    std::fs::write(&go, "").unwrap();
    stage.wait_healthy().unwrap();
    std::fs::remove_file(go).unwrap();
}
