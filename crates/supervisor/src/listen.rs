//! Finding out where a process listens: at the sockets that it was handed, at the ports that it was told, at those that it
//! has in its container, or elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use backlot_process::{listeners_of, listening};

use crate::silence::Silence;

/// How long a process may listen elsewhere before that is told: it may open several ports, one after another.
pub(crate) const ELSEWHERE: Duration = Duration::from_millis(500);
/// How often all that its processes have open is looked at, while somebody listens at one of its ports who has not been
/// found among them.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often it is seen whether a process still listens where it did.
const STILL: Duration = Duration::from_secs(2);

/// Where a process should listen.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Its number.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "the system does not tell what it has open")
    )]
    pub(crate) pid: i32,
    /// The sockets that it was handed, in the order of its service's ports.
    pub(crate) handed: Vec<TcpListener>,
    /// The ports that it was told, in the same order.
    pub(crate) told: Vec<u16>,
    /// The same ports as its container has them.
    pub(crate) targets: Vec<u16>,
    /// Until when it is not told that it listens nowhere.
    pub(crate) silence: Silence,
    /// Set when nobody wants to know any more.
    pub(crate) over: Arc<AtomicBool>,
}

/// Where a process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Where it serves each of its service's ports, in their order, as far as it does.
    Here(Vec<Option<SocketAddr>>),
    /// Somewhere else.
    Elsewhere(SocketAddr),
    /// Nowhere that it should, for so long, and nobody need wait.
    Quiet(Duration),
    /// As a container, of which this is the first process.
    Inside(i32),
    /// As a container that did not begin within this time.
    Never(Duration),
}

/// What has been found and told so far.
struct Search {
    begun: Instant,
    /// Waits at each handed socket to be let in.
    knocks: Vec<Option<TcpStream>>,
    found: Vec<Option<SocketAddr>>,
    looked: Instant,
    elsewhere: Option<(SocketAddr, Instant)>,
    told_elsewhere: bool,
    told_quiet: bool,
}

impl Watch {
    /// Looks for as long as somebody wants to know, seldom once it listens where it should.
    ///
    /// Most looks are some calls of the system. What all its processes have open takes a hundred times as long, and is
    /// only looked at when somebody listens at its port, to see who that is, and now and then for what listens elsewhere.
    pub(crate) fn run(mut self, tell: &mut dyn FnMut(Found)) {
        let knock = |socket: &TcpListener| TcpStream::connect(socket.local_addr().ok()?).ok();
        let mut search = Search {
            begun: Instant::now(),
            knocks: self.handed.iter().map(knock).collect(),
            found: vec![None; self.told.len()],
            looked: Instant::now(),
            elsewhere: None,
            told_elsewhere: false,
            told_quiet: false,
        };
        while !self.over.load(Ordering::Relaxed) {
            let before = search.found.clone();
            self.look(&mut search, tell);
            if search.found != before {
                tell(Found::Here(search.found.clone()));
            }
            if search.found.iter().all(Option::is_some) {
                // A listening socket that nobody accepts from would let clients in.
                self.handed.clear();
                search.knocks.clear();
                if cfg!(not(target_os = "linux")) {
                    return;
                }
                self.stay(&mut search);
                continue;
            }
            if !search.told_quiet
                && search.found.iter().all(Option::is_none)
                && let Some(waited) = self.silence.is_over(search.elsewhere.is_some())
            {
                search.told_quiet = true;
                tell(Found::Quiet(waited));
            }
            std::thread::sleep(pause(search.begun.elapsed()));
        }
    }

    fn look(&self, search: &mut Search, tell: &mut dyn FnMut(Found)) {
        for (at, socket) in self.handed.iter().enumerate() {
            let knocked = search.knocks.get(at).is_some_and(Option::is_some);
            if knocked && search.found[at].is_none() && is_taken(socket, search.begun) {
                search.found[at] = socket.local_addr().ok();
                search.knocks[at] = None;
            }
        }
        let since = search.looked.elapsed();
        if since <= between(search.begun.elapsed()) && !(since > LOOK_AGAIN && self.somebody_at_told(search))
        {
            return;
        }
        let listeners = self.own_listeners();
        search.looked = Instant::now();
        for at in 0..self.told.len() {
            if search.found[at].is_none() {
                search.found[at] = self.at(at, &listeners);
            }
        }
        if search.found.iter().any(Option::is_some) {
            return;
        }
        match (listeners.first(), search.elsewhere) {
            (None, _) => search.elsewhere = None,
            (Some(address), None) => search.elsewhere = Some((*address, Instant::now())),
            (Some(_), Some((address, since))) if since.elapsed() > ELSEWHERE && !search.told_elsewhere => {
                search.told_elsewhere = true;
                tell(Found::Elsewhere(address));
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// Where among these it serves a port: as it was told, else where its container has it; on the loopback interface only.
    fn at(&self, at: usize, listeners: &[SocketAddr]) -> Option<SocketAddr> {
        let ports = [self.told.get(at), self.targets.get(at)];
        let places = ports.into_iter().flatten().flat_map(|port| here(*port));
        places.into_iter().find(|place| listeners.contains(place))
    }

    /// Waits until it listens no longer where it did, and forgets that place.
    fn stay(&self, search: &mut Search) {
        let mut waited = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(STILL / 4);
            if waited.elapsed() < STILL {
                continue;
            }
            waited = Instant::now();
            let listeners = all_listeners();
            let is_gone = |place: &SocketAddr| !listeners.contains(place);
            if !listeners.is_empty() && search.found.iter().flatten().any(is_gone) {
                // A program that is started again within its process takes a moment, and mostly the same port.
                let own = self.own_listeners();
                let now: Vec<_> = (0..self.told.len()).map(|at| self.at(at, &own)).collect();
                if now.iter().any(Option::is_some) && now != search.found {
                    search.found = now;
                    search.begun = Instant::now();
                    search.looked = Instant::now();
                    return;
                }
            }
        }
    }

    /// Whether anybody at all listens at a port that it was told and where it was not found yet.
    fn somebody_at_told(&self, search: &Search) -> bool {
        let mut missing =
            self.told.iter().zip(&search.found).filter(|(_, found)| found.is_none()).map(|(port, _)| *port);
        #[cfg(target_os = "linux")]
        {
            let all = all_listeners();
            missing.any(|port| here(port).iter().any(|place| all.contains(place)))
        }
        #[cfg(not(target_os = "linux"))]
        missing.any(|port| answers(&here(port)[0]))
    }

    /// What the process, or one that descends from it, listens at besides the handed sockets. Only ports that it was told
    /// can be seen where the system does not tell (no `/proc`).
    fn own_listeners(&self) -> Vec<SocketAddr> {
        #[cfg(target_os = "linux")]
        return listeners_of(self.pid, &self.handed);
        #[cfg(not(target_os = "linux"))]
        self.told.iter().flat_map(|port| here(*port)).filter(answers).collect()
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn all_listeners() -> Vec<SocketAddr> {
    listening().unwrap_or_default().into_iter().map(|(address, _)| address).collect()
}

/// How many connections wait there to be accepted.
#[cfg(target_os = "linux")]
pub(crate) fn waiting_at(place: SocketAddr) -> std::io::Result<Option<u32>> {
    backlot_process::waiting_at(place)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn waiting_at(_place: SocketAddr) -> std::io::Result<Option<u32>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn all_listeners() -> Vec<SocketAddr> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn answers(address: &SocketAddr) -> bool {
    TcpStream::connect_timeout(address, Duration::from_millis(50)).is_ok()
}

/// The places of a port that only this machine reaches.
fn here(port: u16) -> [SocketAddr; 2] {
    [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].map(|ip| SocketAddr::new(ip, port))
}

/// Often at first, when somebody waits; seldom for what takes its time.
pub(crate) fn pause(passed: Duration) -> Duration {
    match passed.as_millis() {
        0..3_000 => Duration::from_millis(5),
        3_000..30_000 => Duration::from_millis(20),
        _ => Duration::from_millis(100),
    }
}

/// The same for all that its processes have open.
fn between(passed: Duration) -> Duration {
    match passed.as_secs() {
        0..20 => Duration::from_millis(250),
        20..120 => Duration::from_secs(1),
        _ => Duration::from_secs(5),
    }
}

/// Whether no connection waits at a listening socket to be accepted.
#[cfg(target_os = "linux")]
fn is_taken(socket: &TcpListener, _begun: Instant) -> bool {
    use std::os::fd::AsRawFd;

    use nix::libc;

    // SAFETY: all zeroes is a valid `tcp_info`, which consists of numbers.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let Ok(mut length) = libc::socklen_t::try_from(size_of::<libc::tcp_info>()) else { return false };
    // SAFETY: the kernel writes at most `length` bytes to memory that lives through the call.
    let asked = unsafe {
        let place = (&raw mut info).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length)
    };
    // Of a listening socket, this field tells how many connections wait; see tcp_get_info in Linux.
    asked == 0 && info.tcpi_unacked == 0
}

/// The system does not tell: a process that has not opened its own port after a second has taken the handed one.
#[cfg(not(target_os = "linux"))]
fn is_taken(_socket: &TcpListener, begun: Instant) -> bool {
    begun.elapsed() > Duration::from_secs(1)
}
