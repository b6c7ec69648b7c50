//! Waiting until a new server answers.

use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{Child, ProcessError, ProcessId};
use tokio_postgres::error::SqlState;

use crate::access::Access;
use crate::connection::{Connection, DatabaseError};

/// How long a single try to connect may take.
const ONE_TRY: Duration = Duration::from_secs(5);
/// How often the server's own word is looked at. A start on a warm machine takes about 20 ms.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// The same, once it has taken longer than `SOON`.
const LOOK_LATER_EVERY: Duration = Duration::from_millis(10);
const SOON: Duration = Duration::from_millis(300);
/// How often a connection is tried although the server does not say that it is ready.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// What became of the server.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It answers.
    Ready,
    /// It ended.
    Died(ExitStatus),
    /// It still runs at the deadline and does not answer; the words tell what the last try gave.
    NotYet(String),
    /// It answers, but not to this name and password.
    Rejected(DatabaseError),
}

/// Tries to connect until the server answers, ends, or the deadline has come.
///
/// Each try costs the server a process while it is busy starting, so it is made when the pid file says `ready`; what counts
/// is the answer.
pub(crate) fn until_ready(
    child: &mut Child,
    data_dir: &Path,
    access: &Access,
    deadline: Instant,
) -> Result<Outcome, ProcessError> {
    let start = Instant::now();
    let mut last_try = start;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Outcome::Died(status));
        }
        let now = Instant::now();
        let is_late = now >= deadline;
        if is_late || now >= last_try + TRY_EVERY || says_ready(data_dir, child.id().pid) {
            last_try = now;
            let left = deadline.saturating_duration_since(now);
            match attempt(access, left.clamp(Duration::from_millis(100), ONE_TRY)) {
                Attempt::Ready => return Ok(Outcome::Ready),
                Attempt::Rejected(error) => return Ok(Outcome::Rejected(error)),
                Attempt::NotYet(seen) if is_late => return Ok(Outcome::NotYet(seen)),
                Attempt::NotYet(_) => {}
            }
        }
        thread::sleep(if now < start + SOON { LOOK_EVERY } else { LOOK_LATER_EVERY });
    }
}

/// Whether the pid file in the data directory, written by this very server, says so.
fn says_ready(data_dir: &Path, pid: i32) -> bool {
    says(data_dir, pid, "ready")
}

/// Whether the pid file in the data directory has this very server in this state: line 8.
pub(crate) fn says(data_dir: &Path, pid: i32, state: &str) -> bool {
    let Ok(text) = backlot_files::text(&data_dir.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|status| status.trim() == state)
}

/// How long a server that runs may let nobody come near it, as one does that is at its very end.
const NOBODY: Duration = Duration::from_secs(1);

/// Waits while a server that runs says that it lets nobody in at the moment: it recovers, and answers afterwards, or comes to
/// its end at that. One whose recovery was killed says so for seconds before it ends.
pub(crate) fn until_settled(process: ProcessId, access: &Access, limit: Duration) {
    let start = Instant::now();
    while process.is_alive() && start.elapsed() < limit {
        match Connection::open(access, ONE_TRY) {
            Err(error) if error.code() == Some(SqlState::CANNOT_CONNECT_NOW.code()) => {}
            Err(DatabaseError::Broken { .. }) if start.elapsed() < NOBODY => {}
            Ok(_) | Err(_) => return,
        }
        thread::sleep(LOOK_LATER_EVERY);
    }
}

enum Attempt {
    Ready,
    NotYet(String),
    Rejected(DatabaseError),
}

fn attempt(access: &Access, limit: Duration) -> Attempt {
    let not_yet = [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS];
    match Connection::open(access, limit) {
        Ok(_connection) => Attempt::Ready,
        Err(DatabaseError::Refused { code, message, .. })
            if not_yet.iter().any(|state| state.code() == &*code) =>
        {
            Attempt::NotYet(message.into())
        }
        // Name and password were right; which databases there are is for others to decide.
        Err(error) if error.code() == Some(SqlState::INVALID_CATALOG_NAME.code()) => Attempt::Ready,
        Err(error @ DatabaseError::Refused { .. }) => Attempt::Rejected(error),
        Err(DatabaseError::Broken { source, .. }) => Attempt::NotYet(innermost(&source)),
        Err(
            error
            @ (DatabaseError::TimedOut { .. } | DatabaseError::Client(_) | DatabaseError::Answer { .. }),
        ) => Attempt::NotYet(error.to_string()),
    }
}

/// The error at the bottom: "No such file or directory" tells more than "error connecting to server".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
