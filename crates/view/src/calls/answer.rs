//! The answer to one call.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{BindToDevice, Ipv6V6Only, SockType as Kind, SocketError};
use nix::sys::socket::{
    Backlog, MsgFlags, SockType, SockaddrLike, SockaddrStorage, bind, connect, getsockname, getsockopt,
    listen, sendto, setsockopt,
};

use crate::calls::asked::{Asked, Family, LONGEST, plain};
use crate::calls::listener::Call;
use crate::calls::network::{Network, Route, Transport};
use crate::calls::table::Key;

/// A thread that waits for one connection needs little.
const STACK: usize = 64 * 1024;
/// How often it is seen whether somebody still waits for it.
const LOOK: u16 = 1000;
/// The longest datagram.
const DATAGRAM: usize = 65_535;

/// Answers a call; by a thread of its own where that takes long.
pub(crate) fn answer(call: Call, network: &Network) {
    match call.number() {
        libc::SYS_bind => finish(&call, bound(&call, network)),
        libc::SYS_listen => finish(&call, listened(&call, network)),
        libc::SYS_getsockname => finish(&call, named(&call, network)),
        libc::SYS_sendto => finish(&call, sent(&call, network)),
        libc::SYS_connect => connected(call, network),
        _ => call.as_it_is(),
    }
}

/// `None` leaves it to the kernel.
fn finish(call: &Call, outcome: Option<nix::Result<i64>>) {
    match outcome {
        Some(outcome) => call.done(outcome),
        None => call.as_it_is(),
    }
}

fn asked(call: &Call, address: usize, length: usize) -> Option<Asked> {
    let length = usize::try_from(call.int(length)).ok()?.min(LONGEST);
    Some(Asked::parse(&call.read(call.arguments[address], length)?))
}

/// The socket, and what is spoken there.
fn socket(call: &Call) -> Option<(OwnedFd, Transport)> {
    let socket = call.socket(call.int(0))?;
    let transport = match getsockopt(&socket, Kind).ok()? {
        SockType::Stream => Transport::Tcp,
        SockType::Datagram => Transport::Udp,
        _ => return None,
    };
    Some((socket, transport))
}

/// Where a socket really is.
fn place_of(socket: &OwnedFd) -> Option<SocketAddrV4> {
    getsockname(socket.as_raw_fd()).ok().and_then(|at: SockaddrStorage| plain(&at))
}

fn bound(call: &Call, network: &Network) -> Option<nix::Result<i64>> {
    let (family, port) = match asked(call, 1, 2)? {
        // It may well mean to go out into the world from there; to listen is another call.
        Asked::Itself { port: 0, is_every: true, .. } => return None,
        Asked::Itself { family, port, .. } | Asked::Loopback { family, port, .. } => (family, port),
        // In its container that would be the address of the container.
        Asked::World { family, ip, port } if !ip.is_multicast() => (family, port),
        Asked::World { .. } | Asked::MachinesServer | Asked::Other => return None,
    };
    let (socket, transport) = socket(call)?;
    let is_six_only = family == Family::Six && getsockopt(&socket, Ipv6V6Only).unwrap_or(false);
    if is_six_only {
        let _ = setsockopt(&socket, Ipv6V6Only, &false);
    }
    let key = Key { transport, is_six_only, port };
    let places = network.table().places(key);
    let mut outcome = Err(Errno::EADDRNOTAVAIL);
    for place in places {
        outcome = bind(socket.as_raw_fd(), &family.address(place));
        match outcome {
            Ok(()) => {
                // Of any port it is heard when somebody listens there: many never do.
                if port != 0 || transport == Transport::Udp {
                    network.table().bound(key, place_of(&socket).unwrap_or(place));
                }
                break;
            }
            Err(Errno::EACCES | Errno::EADDRINUSE | Errno::EADDRNOTAVAIL) => {}
            Err(_) => break,
        }
    }
    Some(outcome.map(|()| 0))
}

fn listened(call: &Call, network: &Network) -> Option<nix::Result<i64>> {
    let (socket, transport) = socket(call)?;
    let at = place_of(&socket).filter(|_| transport == Transport::Tcp)?;
    let backlog = Backlog::new(call.int(1)).unwrap_or(Backlog::MAXCONN);
    let place = if at.ip().is_unspecified() {
        // Any port of every address: nobody beyond this machine is to come in.
        let _ = setsockopt(&socket, BindToDevice, &"lo".into());
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, at.port())
    } else {
        at
    };
    let outcome = listen(&socket, backlog);
    if outcome.is_ok() {
        let mut table = network.table();
        if table.listens(place).is_none() {
            // One that was never bound has a port only now.
            let port = place_of(&socket).map_or(place.port(), |at| at.port());
            let place = SocketAddrV4::new(*place.ip(), port);
            table.bound(Key { transport, is_six_only: false, port }, place);
            table.listens(place);
        }
        drop(table);
        network.listens();
    }
    Some(outcome.map(|()| 0))
}

/// A program's own name for its socket is the one that it has asked for.
fn named(call: &Call, network: &Network) -> Option<nix::Result<i64>> {
    let (socket, transport) = socket(call)?;
    let at: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
    let real = plain(&at)?;
    let port = network.table().port_of(transport, real)?;
    let family = if at.as_sockaddr_in().is_some() { Family::Four } else { Family::Six };
    let said = family.address(SocketAddrV4::new(network.own(), port));
    let room = call.read(call.arguments[2], size_of::<libc::socklen_t>())?;
    let room = usize::try_from(libc::socklen_t::from_ne_bytes(room.try_into().ok()?)).ok()?;
    // SAFETY: an address of this kind is as long as it says.
    let bytes = unsafe { std::slice::from_raw_parts(said.as_ptr().cast::<u8>(), said.len() as usize) };
    let is_written = call.write(call.arguments[1], bytes.get(..room.min(bytes.len()))?)
        && call.write(call.arguments[2], &said.len().to_ne_bytes());
    is_written.then_some(Ok(0))
}

/// Where an address leads; none where the kernel may go on by itself.
fn way(
    asked: Asked,
    transport: Transport,
    network: &Network,
) -> Option<(Family, Result<SocketAddrV4, Errno>)> {
    let (family, port, route) = match asked {
        Asked::Itself { family, port, is_six, .. } => (family, port, own(network, port, transport, is_six)),
        Asked::Loopback { family, ip, port } if ip == network.own => {
            (family, port, own(network, port, transport, false))
        }
        Asked::Loopback { family, ip, port } => {
            (family, port, network.router.route(network.own, ip, port, transport))
        }
        Asked::MachinesServer => return Some((Family::Four, Err(Errno::ENOENT))),
        Asked::World { .. } | Asked::Other => return None,
    };
    match (route, transport) {
        (Route::To(place), _) => Some((family, Ok(place))),
        (Route::Nobody, Transport::Tcp) => Some((family, Err(Errno::ECONNREFUSED))),
        // A datagram to nobody is no error, and the system's own resolver sorts addresses by such calls. One to the usual address
        // may well be an answer: those who have not bound their socket ask from there.
        (Route::Nobody, Transport::Udp) if matches!(asked, Asked::Itself { .. }) => None,
        (Route::Nobody, Transport::Udp) => Some((family, Ok(SocketAddrV4::new(network.own, port)))),
        (Route::Foreign, _) => None,
    }
}

/// Where a port of its own is: another program may have the same address, whose ports somebody else knows.
fn own(network: &Network, port: u16, transport: Transport, is_six: bool) -> Route {
    let found = network.table().find(transport, port, is_six);
    found.map_or_else(|| network.router.route(network.own, network.own, port, transport), Route::To)
}

fn sent(call: &Call, network: &Network) -> Option<nix::Result<i64>> {
    let asked = asked(call, 4, 5)?;
    let (socket, transport) = socket(call)?;
    let (family, place) = way(asked, transport, network)?;
    if transport == Transport::Tcp {
        // To connect and send at once: whoever cannot do that does one after the other.
        return Some(Err(Errno::EOPNOTSUPP));
    }
    let length = usize::try_from(call.arguments[2]).ok().filter(|length| *length <= DATAGRAM)?;
    let bytes = if length == 0 { Vec::new() } else { call.read(call.arguments[1], length)? };
    let flags = MsgFlags::from_bits_truncate(call.int(3)) | MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let outcome = place.and_then(|place| sendto(socket.as_raw_fd(), &bytes, &family.address(place), flags));
    Some(outcome.map(|sent| i64::try_from(sent).unwrap_or(i64::MAX)))
}

fn connected(call: Call, network: &Network) {
    let Some(asked) = asked(&call, 1, 2).filter(|asked| !matches!(asked, Asked::World { .. } | Asked::Other))
    else {
        return call.as_it_is();
    };
    let way = match asked {
        Asked::MachinesServer => way(asked, Transport::Tcp, network).map(|found| (None, found)),
        _ => socket(&call).and_then(|(socket, transport)| {
            way(asked, transport, network).map(|found| (Some(socket), found))
        }),
    };
    match way {
        Some((Some(socket), (family, Ok(place)))) => connect_to(call, socket, family.address(place), family),
        Some((_, (_, Err(errno)))) => call.done(Err(errno)),
        Some((None, (_, Ok(_)))) | None => call.as_it_is(),
    }
}

/// Connects the program's socket. Nobody else's call is to wait while it takes its time.
fn connect_to(call: Call, socket: OwnedFd, place: SockaddrStorage, family: Family) {
    if family == Family::Six {
        // Only such a socket can have an address of the older kind.
        let _ = setsockopt(&socket, Ipv6V6Only, &false);
    }
    let flags = fcntl(&socket, FcntlArg::F_GETFL).map_or(OFlag::empty(), OFlag::from_bits_retain);
    let waits = !flags.contains(OFlag::O_NONBLOCK);
    if waits {
        let _ = fcntl(&socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK));
    }
    let outcome = connect(socket.as_raw_fd(), &place);
    if waits {
        let _ = fcntl(&socket, FcntlArg::F_SETFL(flags));
    }
    if !waits || outcome != Err(Errno::EINPROGRESS) {
        return call.done(outcome.map(|()| 0));
    }
    let call = Arc::new(call);
    let waiting = Arc::clone(&call);
    let wait = move || {
        if let Some(outcome) = until_connected(&waiting, &socket) {
            waiting.done(outcome.map(|()| 0));
        }
    };
    if thread::Builder::new().name("connect".into()).stack_size(STACK).spawn(wait).is_err() {
        call.done(Err(Errno::ENOBUFS));
    }
}

fn until_connected(call: &Call, socket: &OwnedFd) -> Option<nix::Result<()>> {
    loop {
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut waiting, PollTimeout::from(LOOK)) {
            Ok(0) | Err(Errno::EINTR) if call.is_wanted() => {}
            Ok(0) | Err(_) => return None,
            Ok(_) => {
                let error = getsockopt(socket, SocketError).unwrap_or_default();
                return Some(if error == 0 { Ok(()) } else { Err(Errno::from_raw(error)) });
            }
        }
    }
}
