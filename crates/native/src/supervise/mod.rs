//! The supervisor of an environment, from outside: how it is started, asked and stopped; and what its process does.
//!
//! ```text
//! client ── __guard ── __supervisor ── services
//! ```
//!
//! The guard outlives the supervisor: should that be killed, all that it ran is handed to the guard by the system, which
//! ends it and stops the database, unless another command has taken the environment over. Should the guard be killed, the
//! supervisor is told and stops everything. Should both be killed, whoever takes over ends what they ran by its mark.
//!
//! The supervisor's lock goes from hand to hand, from the client over the guard to the supervisor: from the first moment
//! on there is one supervisor at most. Each has a lock file of its own, so a guard knows by the path whether it is still
//! its supervisor that has died last.

mod databases;
mod hire;
mod seat;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use backlot_process::kill_all_holding;
use backlot_state::{EngineError, Site, holder_at};
use backlot_supervisor::{Answer, Client, ClientError, News, PROTOCOL, Request};

pub(super) use hire::hire;
pub use seat::{guard, supervise};

/// How long a supervisor may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long it is tried before it is looked whether the supervisor is still there.
const CONNECT_STEP: Duration = Duration::from_millis(50);
/// How long a supervisor may live on that was asked to end and does not answer any more.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Asks the supervisor of the environment at `site`; `news` hears what happens meanwhile.
///
/// # Errors
/// [`EngineError::NoServices`] when none runs, [`EngineError::Supervisor`] when it does not do what it was asked for.
pub(crate) fn ask(
    site: &Site,
    request: &Request,
    interrupted: &AtomicBool,
    news: &mut dyn FnMut(News),
) -> Result<Answer, EngineError> {
    let client = match request {
        // What every version understands.
        Request::Down | Request::Kill => reach(site)?,
        Request::Status
        | Request::Up { .. }
        | Request::Plan { .. }
        | Request::Hasten { .. }
        | Request::Scale { .. }
        | Request::Restart { .. }
        | Request::WaitHealthy { .. }
        | Request::WaitStopped { .. }
        | Request::Describe { .. }
        | Request::Attach => connect(site)?,
    };
    client.ask(request, interrupted, news).map_err(|error| match error {
        ClientError::Foreign(_) => EngineError::SupervisorForeign { environment: site.name().to_owned() },
        ClientError::Silent { waited } => EngineError::SupervisorSilent {
            environment: site.name().to_owned(),
            holder: holder_at(&site.supervisor_lock()),
            waited,
        },
        error => error.into(),
    })
}

/// What runs of `services` (none named: all) may take no longer than `grace` to end, if that is asked for.
///
/// # Errors
/// As [`ask`]; where nothing runs, nothing has to end.
pub(crate) fn hasten(site: &Site, services: &[String], grace: Option<Duration>) -> Result<(), EngineError> {
    let Some(grace) = grace else { return Ok(()) };
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let request = Request::Hasten { services: services.to_vec(), grace_ms };
    match ask(site, &request, &AtomicBool::new(false), &mut |_| {}) {
        Ok(_) | Err(EngineError::NoServices { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A connection to the supervisor of the environment at `site`.
///
/// # Errors
/// [`EngineError::NoServices`] when none runs or it does not answer, [`EngineError::SupervisorForeign`] when it speaks another
/// version of the protocol.
pub(crate) fn connect(site: &Site) -> Result<Client, EngineError> {
    let client = reach(site)?;
    // One that has not written it down speaks the first.
    let spoken = backlot_files::text(&protocol_file(site)).unwrap_or_else(|_| "1".to_owned());
    if spoken.trim() == PROTOCOL.to_string() {
        Ok(client)
    } else {
        Err(EngineError::SupervisorForeign { environment: site.name().to_owned() })
    }
}

/// Where a supervisor writes down which version of the protocol it speaks.
fn protocol_file(site: &Site) -> PathBuf {
    site.control_dir().join("protocol")
}

fn reach(site: &Site) -> Result<Client, EngineError> {
    let none = || EngineError::NoServices { environment: site.name().to_owned() };
    let start = Instant::now();
    while site.is_supervised()? {
        match Client::connect(&site.control_socket(), CONNECT_STEP) {
            Ok(client) => return Ok(client),
            Err(error) if start.elapsed() < CONNECT_LIMIT => drop(error),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(ClientError::Io(error).into()),
        }
    }
    Err(none())
}

/// Stops the services at `site` and their supervisor. One that does not answer is killed; then its guard ends what it
/// ran.
///
/// # Errors
/// When it lives on.
pub(super) fn stop(site: &Site) -> Result<(), EngineError> {
    let never = AtomicBool::new(false);
    match ask(site, &Request::Down, &never, &mut |_| {}) {
        Ok(_) | Err(EngineError::NoServices { .. }) => {}
        // Its end is what counts, and is looked for below.
        Err(_) => {
            kill_all_holding(&site.supervisor_lock());
        }
    }
    let start = Instant::now();
    while site.is_supervised()? {
        let waited = start.elapsed();
        if waited > END_LIMIT {
            return Err(EngineError::StillHeld { lock: site.supervisor_lock(), waited });
        }
        if waited > END_LIMIT / 2 {
            kill_all_holding(&site.supervisor_lock());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
