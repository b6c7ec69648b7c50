//! The two processes: the supervisor, and the guard that outlives it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use backlot_process::{
    ProcessError, Program, SpawnOptions, become_subreaper, keep_low_numbers, kill_descendants,
    raise_file_limit,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control;
use crate::driver::{Driver, Input};
use crate::protocol::Failure;
use crate::runbook::{Databases, Runbook};

/// The most sockets that a replica is handed; its numbers from 3 on are kept free of everything else.
const SOCKETS: u16 = 32;
/// How long what a killed supervisor has left may take to die.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A supervisor that cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SeatError {
    /// Something that it needs of the system cannot be had.
    #[error("cannot run a supervisor")]
    System(#[from] io::Error),
    /// The runbook cannot be run; that was told.
    #[error("{}", .0.text)]
    Refused(Failure),
}

/// Runs `services` of a stack (all, if none is named) until everything is stopped, and answers at the control socket
/// meanwhile. `ready` is told when that listens, and the endpoints are open, or why not.
///
/// It must be called on the first thread of a process that does nothing else: it takes the process's signals, and all
/// its descendants are killed at the end.
///
/// # Errors
/// When it cannot begin.
pub fn run(
    runbook: Runbook,
    services: &[String],
    socket: &Path,
    databases: Arc<dyn Databases>,
    ready: &mut dyn FnMut(Result<(), Failure>),
) -> Result<(), SeatError> {
    let (inputs, heard) = mpsc::channel();
    let prepared = prepare(&inputs).map_err(|error| failure(&error)).and_then(|()| {
        let driver = Driver::new(runbook, services, databases, inputs.clone())?;
        control::listen(socket, inputs, driver.addresses()).map_err(|error| failure(&error))?;
        Ok(driver)
    });
    match prepared {
        Ok(driver) => {
            ready(Ok(()));
            driver.run(services, &heard, socket);
            // The last answers are on their way: their threads write them, which takes no time to speak of.
            thread::sleep(Duration::from_millis(20));
            let _ = std::fs::remove_file(socket);
            Ok(())
        }
        Err(failure) => {
            ready(Err(failure.clone()));
            Err(SeatError::Refused(failure))
        }
    }
}

fn prepare(inputs: &mpsc::Sender<Input>) -> io::Result<()> {
    become_subreaper();
    keep_low_numbers(SOCKETS)?;
    raise_file_limit();
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let inputs = inputs.clone();
    let listen = move || {
        for _ in signals.forever() {
            if inputs.send(Input::AskedToEnd).is_err() {
                break;
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(listen).map(drop)
}

fn failure(error: &io::Error) -> Failure {
    Failure::impossible(format!("cannot run a supervisor: {error}"))
}

/// Starts `supervisor`, hands it `lock` as its first file, and waits for its end. Then all that it has left is killed, which the system has handed to us, but
/// for what `spared` names and what descends from that. If it was killed itself, `after` is called.
///
/// # Errors
/// When it cannot be started or waited for.
pub fn guard(
    supervisor: &Program,
    how: SpawnOptions<'_>,
    lock: File,
    spared: impl FnOnce() -> Vec<i32>,
    after: impl FnOnce(),
) -> Result<(), ProcessError> {
    become_subreaper();
    let child = supervisor.spawn(SpawnOptions { numbered: vec![lock.as_fd()], ..how })?;
    drop(lock);
    let status = child.end()?;
    kill_descendants(&spared(), KILL_LIMIT);
    // One that could not begin has said so; anything else was not meant.
    if !matches!(status.code(), Some(0 | 1)) {
        after();
    }
    Ok(())
}
