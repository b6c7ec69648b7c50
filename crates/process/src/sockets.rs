//! Who listens on this machine, as Linux tells it.
//!
//! It is asked through `sock_diag(7)`: for listening sockets only, that takes some 20 µs. `/proc/net/tcp`, which goes
//! through the places of all connections that there could be, takes milliseconds; it is read where the former is forbidden.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use crate::subreaper::with_descendants;

/// The state of a listening socket: its number, and as it is written in `/proc/net/tcp`.
const LISTEN: u8 = 10;
pub(crate) const LISTEN_HEX: &str = "0A";
/// From `linux/netlink.h` and `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_AND_DUMP: u16 = 0x1 | 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The length of a `struct nlmsghdr`, and of a `struct inet_diag_req_v2`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const TCP: u8 = 6;

/// An address at which somebody listens, and the inode of the socket.
pub type Listening = (SocketAddr, u64);

/// A listening socket, as the system tells of it.
struct Socket {
    address: SocketAddr,
    inode: u64,
    /// How many connections wait to be accepted.
    waiting: u32,
}

/// All TCP sockets that listen.
///
/// # Errors
/// When the system does not tell.
pub fn listening() -> io::Result<Vec<Listening>> {
    Ok(sockets()?.into_iter().map(|socket| (socket.address, socket.inode)).collect())
}

/// How many connections wait at an address to be accepted; none where nobody listens.
///
/// # Errors
/// When the system does not tell.
pub fn waiting_at(address: SocketAddr) -> io::Result<Option<u32>> {
    // Who listens on every address does so at the usual one.
    let is_there = |at: SocketAddr| {
        let is_usual = address.ip() == Ipv4Addr::LOCALHOST;
        at == address || is_usual && at.ip().is_unspecified() && at.port() == address.port()
    };
    let there = sockets()?.into_iter().filter(|socket| is_there(socket.address));
    Ok(there.map(|socket| socket.waiting).reduce(|all, more| all + more))
}

fn sockets() -> io::Result<Vec<Socket>> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 32 * 1024];
    for family in [nix::libc::AF_INET, nix::libc::AF_INET6] {
        send(socket.as_raw_fd(), &request(family), MsgFlags::empty())?;
        loop {
            let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)?;
            if parse_answer(buffer.get(..length).unwrap_or_default(), &mut found)? {
                break;
            }
        }
    }
    Ok(found)
}

/// Asks for all listening TCP sockets of an address family.
fn request(family: i32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(u32::try_from(HEADER + REQUEST).unwrap_or_default().to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_AND_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([u8::try_from(family).unwrap_or_default(), TCP, 0, 0]);
    bytes.extend((1_u32 << LISTEN).to_ne_bytes());
    // No socket in particular.
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

/// Takes the sockets from some messages; true when they were the last.
fn parse_answer(mut bytes: &[u8], found: &mut Vec<Socket>) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (number(bytes, 0), bytes.get(4..6)) {
        match u16::from_ne_bytes([kind[0], kind[1]]) {
            DONE => return Ok(true),
            ERROR => return Err(io::Error::other("the system does not tell who listens")),
            _ => {}
        }
        let length = length as usize;
        if length < HEADER {
            break;
        }
        found.extend(bytes.get(HEADER..length).and_then(parse_socket));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// A `struct inet_diag_msg`.
fn parse_socket(bytes: &[u8]) -> Option<Socket> {
    let port = u16::from_be_bytes(bytes.get(4..6)?.try_into().ok()?);
    let ip = match i32::from(*bytes.first()?) {
        nix::libc::AF_INET => IpAddr::from(<[u8; 4]>::try_from(bytes.get(8..12)?).ok()?),
        nix::libc::AF_INET6 => IpAddr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?),
        _ => return None,
    };
    let (waiting, inode) = (number(bytes, 56)?, number(bytes, 68)?.into());
    let address = SocketAddr::new(plain(ip), port);
    (*bytes.get(1)? == LISTEN).then_some(Socket { address, inode, waiting })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What a process and its descendants listen at, but for these sockets.
pub fn listeners_of(pid: i32, but: &[TcpListener]) -> Vec<SocketAddr> {
    let mut own = BTreeSet::new();
    for pid in with_descendants(pid) {
        open_sockets(&pid.to_string(), &mut own);
    }
    for socket in but {
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()));
        if let Some(inode) = link.ok().and_then(|link| inode(&link.to_string_lossy())) {
            own.remove(&inode);
        }
    }
    if own.is_empty() {
        return Vec::new();
    }
    all_listening().into_iter().filter(|(_, inode)| own.contains(inode)).map(|(address, _)| address).collect()
}

fn open_sockets(pid: &str, sockets: &mut BTreeSet<u64>) {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok());
    sockets.extend(links.filter_map(|link| inode(&link.to_string_lossy())));
}

/// `socket:[12345]`
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// All of them, also where only the tables tell.
pub(crate) fn all_listening() -> Vec<Listening> {
    listening().unwrap_or_else(|_| in_tables())
}

fn in_tables() -> Vec<Listening> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].iter();
    tables.flat_map(|table| parse_table(&fs::read_to_string(table).unwrap_or_default())).collect()
}

/// The listening sockets of a table.
fn parse_table(table: &str) -> Vec<Listening> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let address = parse_address(fields.get(1)?)?;
        let inode = fields.get(9)?.parse().ok()?;
        (*fields.get(3)? == LISTEN_HEX).then_some((address, inode))
    };
    table.lines().skip(1).filter_map(parse).collect()
}

/// `0100007F:1F90`: 32-bit words in the machine's order, then the port.
pub(crate) fn parse_address(text: &str) -> Option<SocketAddr> {
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
    Some(SocketAddr::new(plain(ip), port))
}

/// An IPv4 address that is written as an IPv6 one is the former.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{listeners_of, listening, parse_answer, parse_table, request};

    #[test]
    fn who_listens_is_told() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0");
        let own: Vec<_> = [Some(&four), six.as_ref().ok()]
            .into_iter()
            .flatten()
            .map(|socket| socket.local_addr().unwrap())
            .collect();
        let all = listening().unwrap();
        assert!(own.iter().all(|address| all.iter().any(|(found, _)| found == address)), "{all:?}");
        let me = std::process::id().cast_signed();
        assert!(own.iter().all(|address| listeners_of(me, &[]).contains(address)));
        assert!(!listeners_of(me, &[four]).contains(&own[0]));
    }

    #[test]
    fn who_waits_to_be_accepted_is_counted() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        assert_eq!(super::waiting_at(address).unwrap(), Some(3));
        let _accepted = socket.accept().unwrap();
        assert_eq!(super::waiting_at(address).unwrap(), Some(2));
        drop((clients, socket));
        // A child that another test has just forked has a copy of it until it runs its program.
        let begun = std::time::Instant::now();
        while super::waiting_at(address).unwrap().is_some() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(10));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn a_cut_or_odd_answer_is_no_panic() {
        let mut found = Vec::new();
        let mut answer = request(2);
        answer.extend(vec![2; 80]);
        for cut in 0..answer.len() {
            let _ = parse_answer(&answer[..cut], &mut found);
        }
        assert!(parse_answer(&[20, 0, 0, 0, 3, 0, 2, 0], &mut found).is_ok());
    }

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
