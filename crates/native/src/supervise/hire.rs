//! Starting a supervisor.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::{fd::AsFd, unix::fs::OpenOptionsExt};
use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc,
};
use std::time::{Duration, Instant};

use backlot_process::{Child, Group, SpawnOptions, Stream, keep_low_numbers};
use backlot_state::{EngineError, GUARD_VERB, Home, Lock, Taken, mark, ourselves};
use backlot_supervisor::{Failure, Runbook};

/// How long a supervisor may take to be there, its endpoints open.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// How long one that could not begin may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked whether the caller has asked to stop.
const STEP: Duration = Duration::from_millis(50);

/// Starts a supervisor for `services` of `runbook` (all, if none is named) and returns when it listens at its control socket and its endpoints are open; its
/// services are then on their way.
///
/// # Errors
/// [`EngineError::Supervisor`] when it cannot begin (an endpoint's port is in use); then nothing of it is left.
pub(crate) fn hire(
    home: &Home,
    taken: &Taken,
    runbook: &Runbook,
    services: &[String],
    interrupted: &AtomicBool,
) -> Result<(), EngineError> {
    let site = taken.site();
    taken.make_live()?;
    home.make(&site.logs())?;
    if let Some(parent) = site.control_dir().parent() {
        home.make(parent)?;
    }
    let log = site.live().join("supervisor.log");
    let failed = |what: &'static str| {
        let path = log.clone();
        move |source| EngineError::Io { what, path, source }
    };
    let stderr =
        OpenOptions::new().append(true).create(true).mode(0o600).open(&log).map_err(failed("open"))?;
    mark::take_over(taken)?;
    let lock = Lock::acquire(&site.supervisor_lock(), END_LIMIT)?.share()?;
    keep_low_numbers(1).map_err(failed("open"))?;
    let (name, value) = mark::of_site(site);
    let program = ourselves()?.arg(GUARD_VERB).arg(home.root()).arg(site.dir()).env(name, value);
    let mut guard = program.spawn(SpawnOptions {
        numbered: vec![lock.as_fd()],
        group: Group::NewSession,
        dies_with_parent: None,
        stdin: Stream::Pipe,
        stdout: Stream::Pipe,
        stderr: Stream::File(stderr),
        ..SpawnOptions::default()
    })?;
    // From now on it is held for as long as they live.
    drop(lock);
    let text = serde_json::to_vec(&(runbook, services)).map_err(|error| failed("write to")(error.into()))?;
    if let Some(mut stdin) = guard.take_stdin() {
        // Should it be gone already, that shows in what it says.
        let _ = stdin.write_all(&text);
    }
    let words = first_words(&mut guard, interrupted)?;
    if !matches!(words, Some(Ok(()))) {
        // So that its lock is free when this is told.
        let _ = guard.wait(END_LIMIT);
    }
    match words {
        Some(Ok(())) => Ok(()),
        Some(Err(failure)) => Err(EngineError::Supervisor(Box::new(failure))),
        None => Err(EngineError::SupervisorLost {
            environment: site.name().to_owned(),
            last_lines: last_lines(&log),
        }),
    }
}

/// What it says first; nothing when it ends without a word.
fn first_words(
    guard: &mut Child,
    interrupted: &AtomicBool,
) -> Result<Option<Result<(), Failure>>, EngineError> {
    let Some(stdout) = guard.take_stdout() else { return Ok(None) };
    let (sender, words) = mpsc::channel();
    // It ends with the pipe, at the latest when the guard does.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(read.ok().and_then(|_| serde_json::from_str(&line).ok()));
    });
    let start = Instant::now();
    loop {
        match words.recv_timeout(STEP) {
            Ok(words) => return Ok(words),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) if interrupted.load(Ordering::Relaxed) => {
                guard.kill()?;
                return Err(EngineError::Interrupted);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if start.elapsed() > READY_LIMIT => {
                guard.kill()?;
                return Ok(None);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

fn last_lines(log: &std::path::Path) -> Vec<String> {
    let text = backlot_files::text(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().rev().take(10).rev().map(|line| (*line).to_owned()).collect()
}
