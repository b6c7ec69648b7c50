//! Endpoints that move while the stack runs.

use std::net::{TcpListener, TcpStream};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use backlot_plan::Protocol;
use backlot_supervisor::{ClientError, FailureCode, ServiceKind, ServiceRun};
use backlot_testkit::{free_port, wait_until};

use crate::stage::{SERVE, Stage, answers, server};

fn spoken(mut service: ServiceRun, protocol: Protocol) -> ServiceRun {
    let ServiceKind::Process(process) = &mut service.kind else { unreachable!("a script") };
    process.ports[0].protocol = protocol;
    service
}

#[test]
fn a_port_that_cannot_be_had_is_told_at_once_and_nothing_has_changed() {
    let (old, new) = (free_port(), free_port());
    let stage = Stage::start([server("web", SERVE, old)]);
    stage.wait_healthy().unwrap();
    let held = TcpListener::bind(("127.0.0.1", new)).unwrap();
    let begun = Instant::now();
    let refused = stage.up([server("web", SERVE, new)]);
    let took = begun.elapsed();
    let Err(ClientError::Failure(failure)) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.code, FailureCode::PortInUse, "{failure:?}");
    assert!(took < Duration::from_millis(900), "the thread that decides waited: {took:?}");
    assert!(answers(old), "it is reached where it was");
    drop(held);
    stage.up([server("web", SERVE, new)]).unwrap();
    assert!(answers(new));
    wait_until("the old endpoint is closed", || !answers(old));
}

#[test]
fn a_port_that_passes_on_refuses_nobody() {
    let (one, other) = (free_port(), free_port());
    let first = || [server("a", SERVE, one), server("b", SERVE, other)];
    let stage = Stage::start(first());
    stage.wait_healthy().unwrap();
    let (over, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let knock = {
        let (over, refused) = (Arc::clone(&over), Arc::clone(&refused));
        move || {
            while !over.load(Ordering::Relaxed) {
                for port in [one, other] {
                    let is_refused = TcpStream::connect(("127.0.0.1", port)).is_err();
                    refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
        }
    };
    let knocking = std::thread::spawn(knock);
    for _ in 0..5 {
        // They change places, and back; then what is spoken changes.
        stage.up([server("a", SERVE, other), server("b", SERVE, one)]).unwrap();
        stage.up(first()).unwrap();
        stage.up(first().map(|service| spoken(service, Protocol::Tcp))).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    knocking.join().unwrap();
    assert_eq!(refused.load(Ordering::Relaxed), 0);
    // So many knocks fill the short queue of such a server, and the gateway may take it for lost for a moment.
    wait_until("both answer", || answers(one) && answers(other));
}
