//! Finding out whether a container serves its ports, and which its first process is.
//!
//! What forwards a port to a container lets clients in before anybody is there to serve them. So the system is asked who listens
//! where the container's first process is; where it does not tell (the container is in another machine), a door that opens has to stay
//! open for a while.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::listen::{Found, pause};

/// How long a connection may take to be accepted.
const KNOCK: Duration = Duration::from_millis(300);
/// How long a door has to stay open where it is known that somebody listens behind it.
const SEEN: Duration = Duration::from_millis(5);
/// The same where that is not known.
const UNSEEN: Duration = Duration::from_millis(1500);
/// How long a container may take to be made and to begin.
const BEGIN_LIMIT: Duration = Duration::from_mins(2);
/// How often the engine is asked for the first process.
const ASK: Duration = Duration::from_millis(60);

/// Where a container is to be found.
pub(crate) struct Knocks {
    pub(crate) container: Container,
    /// The ports of this machine that lead to those of its service, in their order.
    pub(crate) told: Vec<u16>,
    /// Those ports as the container has them.
    pub(crate) targets: Vec<u16>,
    /// After how long it is told that it listens nowhere.
    pub(crate) quiet_after: Duration,
    /// Set when nobody wants to know any more.
    pub(crate) over: Arc<AtomicBool>,
}

/// What has been found so far.
struct Search {
    begun: Instant,
    asked: Option<Instant>,
    pid: Option<i32>,
    found: Vec<Option<SocketAddr>>,
    is_quiet: bool,
}

impl Knocks {
    /// Looks until all ports are served, or nobody wants to know.
    pub(crate) fn run(self, tell: &mut dyn FnMut(Found)) {
        let found = vec![None; self.told.len()];
        let mut search = Search { begun: Instant::now(), asked: None, pid: None, found, is_quiet: false };
        while !self.over.load(Ordering::Relaxed) {
            self.ask(&mut search, tell);
            let before = search.found.clone();
            if let Some(pid) = search.pid {
                self.knock(pid, &mut search);
            }
            if search.found != before {
                tell(Found::Here(search.found.clone()));
            }
            let is_nobody = search.found.iter().all(Option::is_none) && !search.found.is_empty();
            if is_nobody && !search.is_quiet && search.begun.elapsed() > self.quiet_after {
                search.is_quiet = true;
                tell(Found::Quiet(self.quiet_after));
            }
            if search.pid.is_some() && search.found.iter().all(Option::is_some) {
                return;
            }
            std::thread::sleep(pause(search.begun.elapsed()).max(Duration::from_millis(10)));
        }
    }

    /// Asks for the first process, which is there when the container runs.
    fn ask(&self, search: &mut Search, tell: &mut dyn FnMut(Found)) {
        let is_due = search.asked.is_none_or(|asked| asked.elapsed() > ASK.max(search.begun.elapsed() / 10));
        if search.pid.is_none() && is_due {
            search.pid = self.container.pid();
            search.asked = Some(Instant::now());
            search.pid.into_iter().for_each(|pid| tell(Found::Inside(pid)));
        }
        if search.pid.is_none() && search.begun.elapsed() > BEGIN_LIMIT {
            tell(Found::Never(search.begun.elapsed()));
            self.over.store(true, Ordering::Relaxed);
        }
    }

    fn knock(&self, pid: i32, search: &mut Search) {
        let served = served_around(pid);
        for (at, port) in self.told.iter().enumerate() {
            let place = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
            if search.found[at].is_some() {
                continue;
            }
            let is_served = match &served {
                Some(served) => {
                    self.targets.get(at).is_some_and(|port| served.contains(port)) && answers(place, SEEN)
                }
                None => answers(place, UNSEEN),
            };
            search.found[at] = is_served.then_some(place);
        }
    }
}

/// The ports that are served where a process is; nothing where the system does not tell.
fn served_around(pid: i32) -> Option<BTreeSet<u16>> {
    #[cfg(target_os = "linux")]
    return backlot_process::served_around(pid).ok();
    #[cfg(not(target_os = "linux"))]
    return Option::<BTreeSet<u16>>::None.filter(|_| pid > 0);
}

/// Whether somebody is behind a port, who speaks, or waits for so long to be spoken to.
fn answers(place: SocketAddr, stays: Duration) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&place, KNOCK) else { return false };
    if stream.set_read_timeout(Some(stays)).is_err() {
        return true;
    }
    match stream.read(&mut [0]) {
        Ok(count) => count > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::answers;

    #[test]
    fn who_hangs_up_at_once_is_nobody() {
        for (is_open, greets, expected) in [(true, false, true), (true, true, true), (false, false, false)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let place = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                if greets {
                    stream.write_all(b"220 hello").unwrap();
                }
                if is_open {
                    std::thread::sleep(Duration::from_millis(500));
                }
            });
            assert_eq!(answers(place, Duration::from_millis(200)), expected, "{is_open} {greets}");
            server.join().unwrap();
            assert!(!answers(place, Duration::from_millis(200)));
        }
    }
}
