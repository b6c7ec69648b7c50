//! Finding out where a process listens: at the sockets that it was handed, at the port that it was told, or elsewhere.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a process may listen elsewhere before that is told: it may open several ports, one after another.
const ELSEWHERE: Duration = Duration::from_millis(500);

/// Where a process should listen.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Its number.
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
    pub(crate) fn run(self, mut tell: impl FnMut(Found)) {
        let begun = Instant::now();
        let knock = self.handed.first().and_then(|socket| TcpStream::connect(socket.local_addr().ok()?).ok());
        let mut elsewhere: Option<(SocketAddr, Instant)> = None;
        let mut told_elsewhere = false;
        while !self.over.load(Ordering::Relaxed) {
            if let Some(addresses) = self.taken(knock.is_some(), begun) {
                return tell(Found::Here(addresses));
            }
            let listeners = self.own_listeners();
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

    /// The addresses that it was told, if it listens at the first of them.
    fn at_told(&self, listeners: &[SocketAddr]) -> Option<Vec<SocketAddr>> {
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let first = *self.told.first()?;
        let is_it = |address: &SocketAddr| address.port() == first && address.ip().is_loopback();
        listeners.iter().any(is_it).then(|| self.told.iter().map(|port| local(*port)).collect())
    }

    /// What the process, or one that descends from it, listens at besides the handed sockets. Only ports that it was told
    /// can be seen where the system does not tell (no `/proc`).
    fn own_listeners(&self) -> Vec<SocketAddr> {
        #[cfg(target_os = "linux")]
        return proc::listeners(self.pid, &self.handed);
        #[cfg(not(target_os = "linux"))]
        self.told
            .iter()
            .map(|port| SocketAddr::from(([127, 0, 0, 1], *port)))
            .filter(|address| TcpStream::connect_timeout(address, Duration::from_millis(50)).is_ok())
            .collect()
    }
}

/// Often at first, when somebody waits; seldom for what takes its time.
fn pause(passed: Duration) -> Duration {
    match passed.as_millis() {
        0..300 => Duration::from_millis(5),
        300..3_000 => Duration::from_millis(20),
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

#[cfg(target_os = "linux")]
mod proc {
    use std::collections::BTreeSet;
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
    use std::os::fd::AsRawFd;

    use backlot_process::with_descendants;

    /// The state of a listening socket in `/proc/net/tcp`.
    const LISTEN: &str = "0A";

    /// What a process and its descendants listen at, but for these sockets.
    pub(super) fn listeners(pid: i32, but: &[TcpListener]) -> Vec<SocketAddr> {
        let mut sockets = BTreeSet::new();
        for pid in with_descendants(pid) {
            sockets_of(&pid.to_string(), &mut sockets);
        }
        for socket in but {
            let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()));
            if let Some(inode) = link.ok().and_then(|link| inode(&link.to_string_lossy())) {
                sockets.remove(&inode);
            }
        }
        if sockets.is_empty() {
            return Vec::new();
        }
        ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .flat_map(|table| parse_table(&fs::read_to_string(table).unwrap_or_default()))
            .filter(|(_, inode)| sockets.contains(inode))
            .map(|(address, _)| address)
            .collect()
    }

    fn sockets_of(pid: &str, sockets: &mut BTreeSet<u64>) {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let links = files.filter_map(|file| fs::read_link(file.path()).ok());
        sockets.extend(links.filter_map(|link| inode(&link.to_string_lossy())));
    }

    /// `socket:[12345]`
    fn inode(link: &str) -> Option<u64> {
        link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }

    /// The listening sockets of a table, each with its inode.
    pub(super) fn parse_table(table: &str) -> Vec<(SocketAddr, u64)> {
        let parse = |line: &str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let address = parse_address(fields.get(1)?)?;
            let inode = fields.get(9)?.parse().ok()?;
            (*fields.get(3)? == LISTEN).then_some((address, inode))
        };
        table.lines().skip(1).filter_map(parse).collect()
    }

    /// `0100007F:1F90`: 32-bit words in the machine's order, then the port.
    fn parse_address(text: &str) -> Option<SocketAddr> {
        let (ip, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let words: Option<Vec<u32>> =
            (0..ip.len()).step_by(8).map(|at| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()).collect();
        let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
        let ip = match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)?),
            16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok().map(Ipv6Addr::from)?),
            _ => return None,
        };
        Some(SocketAddr::new(super::plain(ip), port))
    }
}

/// An IPv4 address that is written as an IPv6 one is the former.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::proc::parse_table;

    #[test]
    fn the_kernels_table_is_understood() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4713 1\n";
        let found: Vec<String> =
            parse_table(table).iter().map(|(address, inode)| format!("{address} {inode}")).collect();
        assert_eq!(found, ["127.0.0.1:8080 4711", "[::1]:80 4713"]);
        for cut in 0..table.len() {
            let _ = parse_table(&table[..cut]);
        }
    }
}
