//! What the processes of a supervisor and of its guard do.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backlot_process::{Group, Signal, SpawnOptions, Stream};
use backlot_state::{EngineError, Home, Lock, SUPERVISOR_VERB, Site, is_still_at, mark, ourselves};
use backlot_supervisor::{Failure, FailureCode, PROTOCOL, Runbook};

use crate::containers::clear;
use crate::down::halt;
use crate::server;
use crate::supervise::databases::SiteDatabases;
use crate::supervise::protocol_file;

/// How long a database may take to stop in good order: less than the next command waits for us, which nobody asked for.
const STOP_LIMIT: Duration = Duration::from_secs(6);
/// How long another guard of the same environment may take to end.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// Runs a supervisor and outlives it: whatever it leaves is ended, unless somebody has taken over meanwhile.
///
/// # Errors
/// When the supervisor cannot be started, or something it left does not end.
pub fn guard(home: &Home, site_dir: &Path) -> Result<(), EngineError> {
    let site = Site::at(home, site_dir);
    let lock = Lock::handed(&site.supervisor_lock())?;
    // It does not hold the lock, and as long as it is open no other file is taken for the same.
    let seen = File::open(site.supervisor_lock()).map_err(io_error(&site.supervisor_lock()))?;
    let at_work = Lock::acquire(&site.guard_lock(), LOCK_LIMIT)?;
    if !lock.counts() {
        return Ok(());
    }
    let file = lock.share()?;
    drop(lock);
    let (name, value) = mark::of_site(&site);
    let program = ourselves()?.arg(SUPERVISOR_VERB).arg(home.root()).arg(site_dir).env(name, value);
    let options = SpawnOptions {
        group: Group::NewGroup,
        dies_with_parent: Some(Signal::SIGTERM),
        stdin: Stream::Inherit,
        stdout: Stream::Inherit,
        stderr: Stream::Inherit,
        ..SpawnOptions::default()
    };
    let after = || {
        // Who takes over has waited for us until now.
        drop(at_work);
        // It was killed, or it would have stopped the database itself. The files stay: the logs tell why.
        if let Ok(taken) = site.take()
            && is_still_at(&seen, &site.supervisor_lock())
        {
            for part in site.parts() {
                let _ = part.take().and_then(|part| halt(&part, STOP_LIMIT));
            }
            let _ = halt(&taken, STOP_LIMIT);
            let _ = clear(&taken, false);
            let _ = taken.remove_supervisor_lock();
        }
    };
    let outcome = backlot_supervisor::guard(&program, options, file, || all_processes(&site), after);
    Ok(outcome?)
}

/// The processes of all database servers of an environment.
fn all_processes(site: &Site) -> Vec<i32> {
    site.parts().iter().chain([site]).flat_map(server::processes).collect()
}

/// Runs the stack that comes on `stdin`, until it is told to stop. Says, in one line, whether it could begin.
///
/// # Errors
/// When it could not; that was said, too.
pub fn supervise(
    home: &Home,
    site_dir: &Path,
    stdin: &mut impl Read,
    say: &mut dyn FnMut(&str),
) -> Result<(), EngineError> {
    let site = Site::at(home, site_dir);
    let _lock = Lock::handed(&site.supervisor_lock())?;
    let failed = io_error;
    let mut text = Vec::new();
    stdin.read_to_end(&mut text).map_err(failed(&site.live()))?;
    let (runbook, services): (Runbook, Vec<String>) =
        serde_json::from_slice(&text).map_err(|error| failed(&site.live())(error.into()))?;
    make_private(&site.control_dir()).map_err(failed(&site.control_dir()))?;
    let protocol = protocol_file(&site);
    std::fs::write(&protocol, PROTOCOL.to_string()).map_err(failed(&protocol))?;
    let databases = Arc::new(SiteDatabases { home: home.clone(), site: site.clone() });
    let mut say = |outcome: Result<(), Failure>| {
        if let Ok(line) = serde_json::to_string(&outcome) {
            say(&line);
        }
    };
    let outcome = backlot_supervisor::run(runbook, &services, &site.control_socket(), databases, &mut say);
    let _ = std::fs::remove_dir_all(site.control_dir());
    outcome.map_err(|error| {
        let failure = Failure {
            code: FailureCode::Impossible,
            service: None,
            text: error.to_string(),
            last_lines: Vec::new(),
        };
        EngineError::Supervisor(Box::new(failure))
    })
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> EngineError + use<> {
    let path = path.to_owned();
    move |source| EngineError::Io { what: "use", path, source }
}

/// A directory that nobody but us can look into.
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        }
        made => made,
    }
}
