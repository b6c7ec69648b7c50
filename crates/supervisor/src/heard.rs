//! Where a program with addresses of its own listens: it says so itself, at once, and nobody has to look.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use backlot_plan::Protocol;
use backlot_view::Network;

use crate::listen::{ELSEWHERE, Found, all_listeners, pause, waiting_at};
use crate::runbook::PortRun;
use crate::silence::Silence;

/// How often it is seen whether it still listens where it did.
const STILL: Duration = Duration::from_secs(2);
/// How soon the end of all this is seen.
const STEP: Duration = Duration::from_millis(500);
/// How soon it is looked again at the earliest.
const LEAST: Duration = Duration::from_millis(1);

/// What a program says of its ports.
pub(crate) struct Heard {
    network: Arc<Network>,
    news: Receiver<()>,
    /// The ports of its service, and what is spoken there.
    ports: Vec<(u16, Protocol)>,
    silence: Silence,
    over: Arc<AtomicBool>,
    /// Those who wait to be let in: a program that listens may well have no process yet that serves.
    knocks: BTreeMap<SocketAddr, TcpStream>,
    open: BTreeSet<SocketAddr>,
}

impl Heard {
    /// Listens to a program that is not started yet.
    pub(crate) fn of(
        network: Arc<Network>,
        ports: &[PortRun],
        silence: Silence,
        over: Arc<AtomicBool>,
    ) -> Self {
        let (heard, news) = channel();
        network.tell(heard);
        let ports = ports.iter().map(|port| (port.target, port.protocol)).collect();
        let (knocks, open) = (BTreeMap::new(), BTreeSet::new());
        Self { network, news, ports, silence, over, knocks, open }
    }

    /// Tells what it hears for as long as somebody wants to know.
    pub(crate) fn run(mut self, tell: &mut dyn FnMut(Found)) {
        let begun = Instant::now();
        let mut found: Vec<Option<SocketAddr>> = vec![None; self.ports.len()];
        let (mut told_elsewhere, mut told_quiet, mut looked) = (false, false, begun);
        while !self.over.load(Ordering::Relaxed) {
            let listening = self.network.listening();
            let now = self.serving(&listening);
            if now != found {
                found = now;
                tell(Found::Here(found.clone()));
            }
            // One that listens and lets nobody in yet is on its way.
            if !self.ports.iter().any(|(target, _)| listening.contains_key(target)) {
                if let Some(port) = listening.keys().next()
                    && begun.elapsed() > ELSEWHERE
                    && !told_elsewhere
                {
                    told_elsewhere = true;
                    tell(Found::Elsewhere(SocketAddr::V4(SocketAddrV4::new(self.network.own(), *port))));
                }
                if !told_quiet && let Some(waited) = self.silence.is_over(!listening.is_empty()) {
                    told_quiet = true;
                    tell(Found::Quiet(waited));
                }
            }
            let may_get_quiet = !told_quiet && listening.is_empty();
            let wait = if may_get_quiet { self.silence.left() } else { STEP };
            let most = if self.knocks.is_empty() { STEP } else { pause(begun.elapsed()) };
            match self.news.recv_timeout(wait.clamp(LEAST, most)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= STILL {
                looked = Instant::now();
                self.forget_closed();
            }
        }
    }

    /// Where it serves each of its ports.
    fn serving(&mut self, listening: &BTreeMap<u16, SocketAddrV4>) -> Vec<Option<SocketAddr>> {
        let places: Vec<_> = self
            .ports
            .iter()
            .map(|(port, protocol)| Some((SocketAddr::V4(*listening.get(port)?), *protocol)))
            .collect();
        let is_there = |place: &SocketAddr| places.iter().flatten().any(|(there, _)| there == place);
        self.open.retain(&is_there);
        self.knocks.retain(|place, _| is_there(place));
        places
            .into_iter()
            .map(|place| place.filter(|(at, protocol)| self.serves(*at, *protocol)))
            .map(|place| Some(place?.0))
            .collect()
    }

    /// Whether somebody lets clients in there. What speaks a protocol of its own is not knocked at.
    fn serves(&mut self, place: SocketAddr, protocol: Protocol) -> bool {
        if protocol == Protocol::Tcp || self.open.contains(&place) {
            return true;
        }
        if let Entry::Vacant(nobody) = self.knocks.entry(place) {
            // Nobody is there after all: it will say so when it listens again.
            let Ok(knock) = TcpStream::connect(place) else { return false };
            nobody.insert(knock);
        }
        match waiting_at(place) {
            Ok(Some(1..)) => return false,
            // It was closed before anybody was let in.
            Ok(None) => {
                self.knocks.remove(&place);
                return false;
            }
            // Or the system does not tell: that it listens has to do.
            Ok(Some(0)) | Err(_) => {}
        }
        self.knocks.remove(&place);
        self.open.insert(place);
        true
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
