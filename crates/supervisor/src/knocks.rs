//! Finding out whether a container serves its ports: by knocking at those of this machine that lead to them.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::listen::{Found, pause};

/// How long a connection may take to be accepted.
const KNOCK: Duration = Duration::from_millis(300);
/// How long a door that opened has to stay open: what forwards to a container lets in first, and then finds nobody there.
const STAYS_OPEN: Duration = Duration::from_millis(40);

/// After how long one without ports is asked for its first process.
const BEGUN: Duration = Duration::from_millis(400);

/// Where a container is to be found.
pub(crate) struct Knocks {
    pub(crate) container: Container,
    /// The ports of this machine that lead to those of its service, in their order.
    pub(crate) told: Vec<u16>,
    /// After how long it is told that it listens nowhere.
    pub(crate) quiet_after: Duration,
    /// Set when nobody wants to know any more.
    pub(crate) over: Arc<AtomicBool>,
}

impl Knocks {
    /// Knocks until all ports are served, or nobody wants to know.
    pub(crate) fn run(self, tell: &mut dyn FnMut(Found)) {
        let begun = Instant::now();
        let mut found: Vec<Option<SocketAddr>> = vec![None; self.told.len()];
        let (mut is_quiet, mut is_known) = (false, false);
        while !self.over.load(Ordering::Relaxed) {
            let before = found.clone();
            for (port, found) in self.told.iter().zip(&mut found) {
                let place = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                if found.is_none() && answers(place) {
                    *found = Some(place);
                }
            }
            if found != before {
                tell(Found::Here(found.clone()));
            }
            if begun.elapsed() > self.quiet_after && !is_quiet && found.iter().all(Option::is_none) {
                is_quiet = true;
                tell(Found::Quiet);
            }
            let is_found = found.iter().any(Option::is_some);
            let has_begun = self.told.is_empty() && begun.elapsed() > BEGUN;
            if !is_known && (is_found || is_quiet || has_begun) {
                is_known = true;
                self.container.pid().into_iter().for_each(|pid| tell(Found::Inside(pid)));
            }
            if is_known && found.iter().all(Option::is_some) {
                return;
            }
            std::thread::sleep(pause(begun.elapsed()).max(Duration::from_millis(15)));
        }
    }
}

/// Whether somebody is behind a port, who speaks or waits to be spoken to.
fn answers(place: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&place, KNOCK) else { return false };
    if stream.set_read_timeout(Some(STAYS_OPEN)).is_err() {
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
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            });
            assert_eq!(answers(place), expected, "{is_open} {greets}");
            server.join().unwrap();
            assert!(!answers(place));
        }
    }
}
