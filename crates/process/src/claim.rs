//! Ports for programs that are told one and listen there themselves.
//!
//! Nobody can hold a port for a program and leave it free for that program to take: on Linux that works for those that set
//! `SO_REUSEADDR` before they bind, and fails all others. So a port is chosen that nobody else is likely to be given:
//! - No two processes of Backlot on this machine hold a claim to the same port, whichever homes and users they have. The
//!   system keeps the claims, for each network namespace, as ports are, and drops them with the process.
//! - The system itself gives the port to nobody who asks for any: it is outside of the range that those are from. Where
//!   that range leaves no room, and on systems other than Linux, this does not hold.
//! - When it was chosen, nobody listened on it at any address, and no connection of a former listener lingered there.
//!
//! Somebody who asks for this very port may still take it. That shows when the program fails, and who it is can be asked:
//! [`port_holder`](crate::port_holder).

#[cfg(target_os = "linux")]
pub use linux::PortClaim;
#[cfg(not(target_os = "linux"))]
pub use others::PortClaim;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io;
    use std::ops::RangeInclusive;
    use std::os::fd::AsRawFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, socket};

    /// Beyond what Linux gives to those who ask for any port, unless it was told otherwise, and below.
    const BEYOND: RangeInclusive<u16> = 61_000..=65_535;
    const BELOW: RangeInclusive<u16> = 32_000..=32_767;
    const GIVEN: &str = "/proc/sys/net/ipv4/ip_local_port_range";

    /// Where to look next: whoever has just given a port up may still be thought to be there.
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    /// A port that is ours to give to a program, for as long as this lives.
    #[derive(Debug)]
    pub struct PortClaim {
        port: u16,
        /// Of this name there is one only.
        _name: UnixDatagram,
    }

    impl PortClaim {
        /// Claims any port that is free now.
        ///
        /// # Errors
        /// When there is none, or the system has no more sockets.
        pub fn any() -> io::Result<Self> {
            let ports = ports(given().as_ref());
            let begin = std::process::id() as usize * 97;
            for _ in 0..ports.len() {
                let place = begin + NEXT.fetch_add(1, Ordering::Relaxed);
                let port = ports[place % ports.len()];
                match Self::of(port) {
                    Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
                    Err(_) => {}
                    Ok(claim) => return Ok(claim),
                }
            }
            Err(io::Error::new(io::ErrorKind::AddrInUse, "all ports for replicas are in use"))
        }

        pub(super) fn of(port: u16) -> io::Result<Self> {
            let name = SocketAddr::from_abstract_name(format!("backlot-port-{port}"))?;
            let claim = Self { port, _name: UnixDatagram::bind_addr(&name)? };
            // Without SO_REUSEADDR, and for all addresses: programs may bind in either way.
            let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port))?;
            Ok(claim)
        }

        /// The port.
        pub fn port(&self) -> u16 {
            self.port
        }
    }

    /// The ports that the system gives to those who ask for any.
    fn given() -> Option<RangeInclusive<u16>> {
        let text = fs::read_to_string(GIVEN).ok()?;
        let mut bounds = text.split_whitespace().map(str::parse);
        Some(bounds.next()?.ok()?..=bounds.next()?.ok()?)
    }

    /// The ports to choose from: none that are `given`, as far as that leaves any.
    pub(super) fn ports(given: Option<&RangeInclusive<u16>>) -> Vec<u16> {
        let is_given = |port: &u16| given.is_some_and(|given| given.contains(port));
        let free: Vec<u16> = BEYOND.chain(BELOW).filter(|port| !is_given(port)).collect();
        if free.is_empty() { BEYOND.collect() } else { free }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use std::io;
    use std::net::{Ipv4Addr, TcpListener};

    /// A port that was free when it was chosen. The system does not give it out again soon.
    #[derive(Debug)]
    pub struct PortClaim(u16);

    impl PortClaim {
        /// Chooses any port that is free now.
        ///
        /// # Errors
        /// When there is none.
        pub fn any() -> io::Result<Self> {
            Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()))
        }

        /// The port.
        pub fn port(&self) -> u16 {
            self.0
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::PortClaim;
    use super::linux::ports;

    #[test]
    fn no_port_is_claimed_twice() {
        let claims: Vec<PortClaim> = (0..100).map(|_| PortClaim::any().unwrap()).collect();
        let ports: BTreeSet<u16> = claims.iter().map(PortClaim::port).collect();
        assert_eq!(ports.len(), 100);
        let claim = &claims[0];
        assert!(PortClaim::of(claim.port()).is_err());
        // The program that was told it listens there as it likes.
        for address in ["127.0.0.1", "0.0.0.0", "[::]"] {
            TcpListener::bind(format!("{address}:{}", claim.port())).unwrap();
        }
    }

    #[test]
    fn a_port_that_somebody_has_at_any_address_is_not_claimed() {
        for address in ["127.0.0.1", "0.0.0.0", "127.0.0.2"] {
            let port = PortClaim::any().unwrap().port();
            let listener = TcpListener::bind((address, port)).unwrap();
            assert!(PortClaim::of(port).is_err(), "{address}");
            // Its side of a connection lingers, as it was the first to close.
            let client = std::net::TcpStream::connect((address, port)).unwrap();
            drop(listener.accept().unwrap());
            drop((client, listener));
            assert!(PortClaim::of(port).is_err(), "{address}, lingering");
        }
    }

    #[test]
    fn the_system_gives_none_of_them_to_those_who_ask_for_any() {
        for given in [32_768..=60_999, 1_024..=60_999, 32_768..=65_535, 62_000..=63_000] {
            let ports = ports(Some(&given));
            assert!(ports.len() > 700 && !ports.iter().any(|port| given.contains(port)), "{given:?}");
        }
        assert!(ports(Some(&(1_024..=65_535))).len() > 4_000);
        assert!(ports(None).len() > 5_000);
    }
}
