//! Where a program with addresses of its own listens: it says so itself, at once, and nobody has to look.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use backlot_view::Network;

use crate::listen::{ELSEWHERE, Found, all_listeners};

/// How often it is seen whether it still listens where it did.
const STILL: Duration = Duration::from_secs(2);
/// How soon the end of all this is seen.
const STEP: Duration = Duration::from_millis(500);
const LEAST: Duration = Duration::from_millis(1);

/// What a program says of its ports.
pub(crate) struct Heard {
    network: Arc<Network>,
    news: Receiver<()>,
    /// The ports of its service.
    targets: Vec<u16>,
    quiet_after: Duration,
    over: Arc<AtomicBool>,
}

impl Heard {
    /// Listens to a program that is not started yet.
    pub(crate) fn of(
        network: Arc<Network>,
        targets: Vec<u16>,
        quiet_after: Duration,
        over: Arc<AtomicBool>,
    ) -> Self {
        let (heard, news) = channel();
        network.tell(heard);
        Self { network, news, targets, quiet_after, over }
    }

    /// Tells what it hears for as long as somebody wants to know.
    pub(crate) fn run(self, tell: &mut dyn FnMut(Found)) {
        let begun = Instant::now();
        let mut found: Vec<Option<SocketAddr>> = vec![None; self.targets.len()];
        let (mut told_elsewhere, mut told_quiet, mut looked) = (false, false, begun);
        while !self.over.load(Ordering::Relaxed) {
            let listening = self.network.listening();
            let now: Vec<Option<SocketAddr>> =
                self.targets.iter().map(|port| listening.get(port).copied().map(SocketAddr::V4)).collect();
            if now != found {
                found = now;
                tell(Found::Here(found.clone()));
            }
            if found.iter().all(Option::is_none) {
                if let Some(port) = listening.keys().next()
                    && begun.elapsed() > ELSEWHERE
                    && !told_elsewhere
                {
                    told_elsewhere = true;
                    tell(Found::Elsewhere(SocketAddr::V4(SocketAddrV4::new(self.network.own(), *port))));
                }
                if begun.elapsed() > self.quiet_after && !told_quiet {
                    told_quiet = true;
                    tell(Found::Quiet);
                }
            }
            let wait = if told_quiet { STEP } else { self.quiet_after.saturating_sub(begun.elapsed()) };
            match self.news.recv_timeout(wait.clamp(LEAST, STEP)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= STILL {
                looked = Instant::now();
                self.forget_closed();
            }
        }
    }

    /// Forgets where nobody listens any more. A program that is started again within its process takes the same port mostly,
    /// and says so.
    fn forget_closed(&self) {
        let known = self.network.listening();
        let all = if known.is_empty() { Vec::new() } else { all_listeners() };
        let is_at = |address: &SocketAddr, place: SocketAddrV4| {
            let is_every = address.ip().is_unspecified() && address.port() == place.port();
            is_every || *address == SocketAddr::V4(place)
        };
        for place in known.into_values().filter(|_| !all.is_empty()) {
            if !all.iter().any(|address| is_at(address, place)) {
                self.network.forget(place);
            }
        }
    }
}
