//! Finding out where a process listens: at the sockets that it was handed, at the port that it was told, or elsewhere.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use backlot_process::{listeners_of, listening};

/// How long a process may listen elsewhere before that is told: it may open several ports, one after another.
const ELSEWHERE: Duration = Duration::from_millis(500);
/// How often all that its processes have open is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// The same, while somebody listens at its port who has not been found among them.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
    /// The ports that it was told, in the same order; on 127.0.0.1.
    pub(crate) told: Vec<u16>,
    /// Set when nobody wants to know any more.
    pub(crate) over: Arc<AtomicBool>,
}

/// Where a process listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Where it should: the addresses, in the order of its service's ports.
    Here(Vec<SocketAddr>),
    /// Somewhere else.
    Elsewhere(SocketAddr),
}

impl Watch {
    /// Looks until it listens where it should; tells once when it listens elsewhere meanwhile.
    ///
    /// Most looks are some calls of the system. What all its processes have open takes a hundred times as long, and is
    /// only looked at when somebody listens at its port, to see who that is, and now and then for what listens elsewhere.
    pub(crate) fn run(self, mut tell: impl FnMut(Found)) {
        let begun = Instant::now();
        let knock = self.handed.first().and_then(|socket| TcpStream::connect(socket.local_addr().ok()?).ok());
        let mut elsewhere: Option<(SocketAddr, Instant)> = None;
        let mut told_elsewhere = false;
        let mut looked = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            if let Some(addresses) = self.taken(knock.is_some(), begun) {
                return tell(Found::Here(addresses));
            }
            let since = looked.elapsed();
            if since > LOOK || (since > LOOK_AGAIN && self.somebody_at_told()) {
                let listeners = self.own_listeners();
                looked = Instant::now();
                if let Some(addresses) = self.at_told(&listeners) {
                    return tell(Found::Here(addresses));
                }
                match (listeners.first(), elsewhere) {
                    (None, _) => elsewhere = None,
                    (Some(address), None) => elsewhere = Some((*address, Instant::now())),
                    (Some(_), Some((address, since))) if since.elapsed() > ELSEWHERE && !told_elsewhere => {
                        told_elsewhere = true;
                        tell(Found::Elsewhere(address));
                    }
                    (Some(_), Some(_)) => {}
                }
            }
            std::thread::sleep(pause(begun.elapsed()));
        }
    }

    /// The addresses of the handed sockets, if the process has taken our knock from the first one.
    fn taken(&self, knocked: bool, begun: Instant) -> Option<Vec<SocketAddr>> {
        let first = self.handed.first().filter(|_| knocked)?;
        if !is_taken(first, begun) {
            return None;
        }
        self.handed.iter().map(|socket| socket.local_addr().ok()).collect()
    }

    /// Whether anybody at all listens at the port that it was told first.
    fn somebody_at_told(&self) -> bool {
        let Some(first) = self.told.first().map(|port| local(*port)) else { return false };
        #[cfg(target_os = "linux")]
        return listening().is_ok_and(|all| all.iter().any(|(address, _)| *address == first));
        #[cfg(not(target_os = "linux"))]
        return TcpStream::connect_timeout(&first, Duration::from_millis(50)).is_ok();
    }

    /// The addresses that it was told, if it listens at the first of them.
    fn at_told(&self, listeners: &[SocketAddr]) -> Option<Vec<SocketAddr>> {
        let first = local(*self.told.first()?);
        listeners.contains(&first).then(|| self.told.iter().map(|port| local(*port)).collect())
    }

    /// What the process, or one that descends from it, listens at besides the handed sockets. Only ports that it was told
    /// can be seen where the system does not tell (no `/proc`).
    fn own_listeners(&self) -> Vec<SocketAddr> {
        #[cfg(target_os = "linux")]
        return listeners_of(self.pid, &self.handed);
        #[cfg(not(target_os = "linux"))]
        self.told
            .iter()
            .map(|port| local(*port))
            .filter(|address| TcpStream::connect_timeout(address, Duration::from_millis(50)).is_ok())
            .collect()
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Often at first, when somebody waits; seldom for what takes its time.
fn pause(passed: Duration) -> Duration {
    match passed.as_millis() {
        0..3_000 => Duration::from_millis(5),
        3_000..30_000 => Duration::from_millis(20),
        _ => Duration::from_millis(100),
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
