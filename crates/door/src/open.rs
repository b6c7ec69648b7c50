//! Opening the door: by whoever needs it, in a process of its own that outlives them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use backlot_process::{
    FREE_PORTS, Group, ProcessId, Signal, SpawnOptions, Stream, command_lines_up_from, keep_low_numbers,
    processes_holding,
};
use backlot_state::{
    DOOR_VERB, EngineError, Home, Lock, LockError, VERSION, ourselves, read_state, write_state,
};
use serde::{Deserialize, Serialize};

use crate::error::DoorError;
use crate::place;

/// The variable that says at which port the door is, or that there is none.
pub(crate) const VARIABLE: &str = "BACKLOT_DOOR";
/// The usual port.
pub(crate) const USUAL_PORT: u16 = 7355;
/// How many ports after the wanted one are tried before any that is free.
const NEXT: u16 = 20;
/// How long another door may take to close.
const CLOSING: Duration = Duration::from_millis(1500);
const STEP: Duration = Duration::from_millis(25);
/// The caller's variables by which the door finds Docker.
const NEEDED: [&str; 4] = ["PATH", "HOME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK"];

/// A door that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// Its port.
    pub port: u16,
    /// The port that was asked for, where that could not be had.
    pub instead_of: Option<u16>,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: u32,
    port: u16,
    /// The port that was asked for, if one was.
    wanted: Option<u16>,
    /// When the program was made whose door is open, in milliseconds since 1970.
    made: i64,
}

/// Which port is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    None,
    Port(u16),
    Any,
}

fn wish(variables: &BTreeMap<String, String>) -> Result<Wish, DoorError> {
    match variables.get(VARIABLE).map(|value| value.trim()) {
        None | Some("" | "on") => Ok(Wish::Any),
        Some("off" | "0" | "no" | "none" | "false") => Ok(Wish::None),
        Some(value) => match value.parse() {
            Ok(port) => Ok(Wish::Port(port)),
            Err(_) => Err(DoorError::Setting { value: value.to_owned() }),
        },
    }
}

impl Kept {
    fn door(&self) -> Door {
        Door { port: self.port, instead_of: self.wanted.filter(|wanted| *wanted != self.port) }
    }
}

fn kept(home: &Home) -> Option<Kept> {
    read_state(&place::record(home)).ok().flatten()
}

/// The door that is open.
pub fn standing(home: &Home) -> Option<Door> {
    let is_open = Lock::is_held(&place::lock(home)).unwrap_or(false);
    kept(home).filter(|_| is_open).map(|kept| kept.door())
}

/// Opens the door if it is not, and in place of one of an older program. None where the caller wants none.
///
/// # Errors
/// When it cannot be opened.
pub fn open(home: &Home, caller: &BTreeMap<String, String>) -> Result<Option<Door>, DoorError> {
    let wanted = match wish(caller)? {
        Wish::None => return Ok(None),
        Wish::Port(port) => Some(port),
        Wish::Any => None,
    };
    home.make(&place::directory(home)).map_err(EngineError::from)?;
    let made = made();
    let is_right = |kept: &Kept| kept.made >= made && (wanted.is_none() || kept.wanted == wanted);
    let lock = match seize(home, is_right)? {
        Seat::Taken(kept) => return Ok(Some(kept.door())),
        Seat::Free(lock) => lock,
    };
    let before = kept(home);
    let (port, listeners) = listen(wanted, before.as_ref().map(|kept| kept.port))?;
    let now = Kept { version: VERSION, port, wanted, made };
    // To write through to the disk takes its time.
    if before.as_ref() != Some(&now) {
        write_state(&now, &place::record(home))?;
    }
    let file = lock.share().map_err(EngineError::from)?;
    let log = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(place::log(home));
    keep_low_numbers(3).map_err(DoorError::io("start"))?;
    let needed =
        |(name, _): &(&String, &String)| NEEDED.contains(&name.as_str()) || name.starts_with("DOCKER_");
    let program = ourselves()?.arg(DOOR_VERB).arg(home.root()).arg(listeners.len().to_string());
    program.envs(caller.iter().filter(needed)).current_dir("/").spawn(SpawnOptions {
        group: Group::NewSession,
        dies_with_parent: None,
        stderr: log.map_or(Stream::Null, Stream::File),
        numbered: std::iter::once(file.as_fd()).chain(listeners.iter().map(AsFd::as_fd)).collect(),
        ..SpawnOptions::default()
    })?;
    Ok(Some(now.door()))
}

/// When our program was made. One that was replaced while it runs is older than any.
fn made() -> i64 {
    let program = std::env::current_exe().and_then(|path| path.metadata());
    program.map_or(0, |file| file.mtime() * 1000 + file.mtime_nsec() / 1_000_000)
}

/// Whose turn it is.
enum Seat {
    Taken(Kept),
    Free(Lock),
}

/// Takes the lock, unless a door is open that is right; one that is not is told to close.
fn seize(home: &Home, is_right: impl Fn(&Kept) -> bool) -> Result<Seat, DoorError> {
    let (path, begun) = (place::lock(home), Instant::now());
    loop {
        match Lock::acquire(&path, Duration::ZERO) {
            Ok(lock) => return Ok(Seat::Free(lock)),
            Err(LockError::Held { .. }) => {}
            Err(error) => return Err(EngineError::from(error).into()),
        }
        if let Some(kept) = kept(home).filter(&is_right) {
            return Ok(Seat::Taken(kept));
        }
        let waited = begun.elapsed();
        if waited > CLOSING * 2 {
            return Err(DoorError::OtherStays);
        }
        let signal = if waited < CLOSING { Signal::SIGTERM } else { Signal::SIGKILL };
        // Somebody else may just be opening it, and has the lock until then.
        for process in processes_holding(&path).into_iter().filter(is_door) {
            let _ = process.signal(signal); // it may be gone already
        }
        std::thread::sleep(STEP);
    }
}

fn is_door(process: &ProcessId) -> bool {
    let lines = command_lines_up_from(process.pid);
    lines.first().is_some_and(|words| words.iter().any(|word| word == DOOR_VERB))
}

/// Listens at the first port that is free: the one that is asked for, the one of the last time, the usual one and those after it, any.
fn listen(wanted: Option<u16>, last: Option<u16>) -> Result<(u16, Vec<TcpListener>), DoorError> {
    let first = wanted.or(last).unwrap_or(USUAL_PORT);
    let usual = wanted.unwrap_or(USUAL_PORT);
    let next = usual..=usual.saturating_add(NEXT);
    let others = (USUAL_PORT..=USUAL_PORT + NEXT).chain(FREE_PORTS);
    let mut refused = None;
    for port in std::iter::once(first).chain(next).chain(others) {
        match listen_at(port) {
            Ok(listeners) => return Ok((port, listeners)),
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    let source = refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
    Err(DoorError::NoPort { port: first, source })
}

/// Listens at a port of this machine for itself, in both families: to a browser, `localhost` is either.
pub(crate) fn listen_at(port: u16) -> io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // There is no IPv6 here.
        Err(_) => Ok(vec![first]),
    }
}

/// The port at which these listen.
pub(crate) fn port_of(listeners: &[TcpListener]) -> Option<u16> {
    listeners.first().and_then(|listener| listener.local_addr().ok()).as_ref().map(SocketAddr::port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{VARIABLE, Wish, listen, port_of, wish};

    #[test]
    fn what_the_variable_says() {
        let of = |value: &str| wish(&BTreeMap::from([(VARIABLE.to_owned(), value.to_owned())]));
        assert_eq!(wish(&BTreeMap::new()).unwrap(), Wish::Any);
        for (value, expected) in
            [("", Wish::Any), ("off", Wish::None), ("0", Wish::None), (" 80 ", Wish::Port(80))]
        {
            assert_eq!(of(value).unwrap(), expected, "{value:?}");
        }
        for value in ["70000", "-1", "http", "80 81"] {
            assert!(of(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let (port, taken) = listen(None, None).unwrap();
        assert_eq!(port_of(&taken), Some(port));
        let (other, _next) = listen(Some(port), None).unwrap();
        assert!(other > port, "{other}");
        drop(taken);
    }
}
