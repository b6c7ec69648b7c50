//! Waiting until a new server answers.

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{Child, ProcessError};
use tokio_postgres::error::SqlState;

use crate::access::Access;
use crate::connection::{Connection, DatabaseError};

/// How long a single try to connect may take.
const ONE_TRY: Duration = Duration::from_secs(5);

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
pub(crate) fn until_ready(
    child: &mut Child,
    access: &Access,
    deadline: Instant,
) -> Result<Outcome, ProcessError> {
    // A server on a warm machine takes about 15 ms; one that recovers may take seconds.
    let mut step = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Outcome::Died(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let last_seen = match Connection::open(access, left.clamp(Duration::from_millis(100), ONE_TRY)) {
            Ok(_connection) => return Ok(Outcome::Ready),
            Err(error) => match judge(error) {
                Judgement::Ready => return Ok(Outcome::Ready),
                Judgement::NotYet(seen) => seen,
                Judgement::Rejected(error) => return Ok(Outcome::Rejected(error)),
            },
        };
        if left.is_zero() {
            return Ok(Outcome::NotYet(last_seen));
        }
        thread::sleep(step.min(left));
        step = (step * 5 / 4).min(Duration::from_millis(50));
    }
}

enum Judgement {
    Ready,
    NotYet(String),
    Rejected(DatabaseError),
}

fn judge(error: DatabaseError) -> Judgement {
    let not_yet = [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS];
    match &error {
        DatabaseError::Refused { code, message, .. } => {
            if *code == SqlState::INVALID_CATALOG_NAME.code() {
                // Name and password were right; which databases there are is for others to decide.
                Judgement::Ready
            } else if not_yet.iter().any(|state| state.code() == code) {
                Judgement::NotYet(message.clone())
            } else {
                Judgement::Rejected(error)
            }
        }
        DatabaseError::Broken { source, .. } => Judgement::NotYet(innermost(source)),
        DatabaseError::TimedOut { .. } | DatabaseError::Client(_) | DatabaseError::Answer { .. } => {
            Judgement::NotYet(error.to_string())
        }
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
