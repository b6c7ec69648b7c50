//! The address that a program has named, as the system calls have it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use nix::libc;
use nix::sys::socket::SockaddrStorage;

/// The longest address that there is.
pub(crate) const LONGEST: usize = size_of::<libc::sockaddr_storage>();
/// Directories in which servers of this machine have their sockets by default: in a container nobody is there.
const OF_POSTGRES: [&[u8]; 2] = [b"/var/run/postgresql/", b"/run/postgresql/"];

/// How a socket speaks: what an address for it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Four,
    Six,
}

/// What an address means to the program that has named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Every address, or its own: the program itself.
    Itself { family: Family, port: u16, is_six: bool, is_every: bool },
    /// A loopback address but the usual one.
    Loopback { family: Family, ip: Ipv4Addr, port: u16 },
    /// One of the world's.
    World { family: Family, ip: IpAddr, port: u16 },
    /// The Unix socket of a server of this machine.
    MachinesServer,
    /// Nothing that we look at.
    Other,
}

impl Asked {
    /// Takes the bytes as a program has them in its memory: they may be anything.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let Some(family) = bytes.first_chunk().map(|pair| i32::from(u16::from_ne_bytes(*pair))) else {
            return Self::Other;
        };
        let port = bytes.get(2..4).and_then(|pair| pair.try_into().ok()).map(u16::from_be_bytes);
        match (family, port) {
            (libc::AF_INET, Some(port)) => {
                match bytes.get(4..8).and_then(|ip| <[u8; 4]>::try_from(ip).ok()) {
                    Some(ip) => Self::four(Family::Four, ip.into(), port),
                    None => Self::Other,
                }
            }
            (libc::AF_INET6, Some(port)) => {
                match bytes.get(8..24).and_then(|ip| <[u8; 16]>::try_from(ip).ok()).map(Ipv6Addr::from) {
                    Some(ip) => Self::six(ip, port),
                    None => Self::Other,
                }
            }
            (libc::AF_UNIX, _) => {
                let path = bytes.get(2..).unwrap_or_default();
                let is_one = OF_POSTGRES.iter().any(|dir| path.starts_with(dir));
                if is_one { Self::MachinesServer } else { Self::Other }
            }
            _ => Self::Other,
        }
    }

    fn four(family: Family, ip: Ipv4Addr, port: u16) -> Self {
        if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST {
            Self::Itself { family, port, is_six: false, is_every: ip.is_unspecified() }
        } else if ip.is_loopback() {
            Self::Loopback { family, ip, port }
        } else {
            Self::World { family, ip: ip.into(), port }
        }
    }

    fn six(ip: Ipv6Addr, port: u16) -> Self {
        let family = Family::Six;
        if ip.is_unspecified() || ip == Ipv6Addr::LOCALHOST {
            return Self::Itself { family, port, is_six: true, is_every: ip.is_unspecified() };
        }
        match ip.to_ipv4_mapped() {
            Some(four) => Self::four(family, four, port),
            None => Self::World { family, ip: ip.into(), port },
        }
    }
}

impl Family {
    /// An address as a socket of this family takes it.
    pub(crate) fn address(self, at: SocketAddrV4) -> SockaddrStorage {
        let whole = match self {
            Self::Four => SocketAddr::V4(at),
            Self::Six => SocketAddr::new(at.ip().to_ipv6_mapped().into(), at.port()),
        };
        whole.into()
    }
}

/// The address of a socket as one of the older kind, if it can be written as such.
pub(crate) fn plain(address: &SockaddrStorage) -> Option<SocketAddrV4> {
    if let Some(four) = address.as_sockaddr_in() {
        return Some(SocketAddrV4::new(four.ip(), four.port()));
    }
    let six = address.as_sockaddr_in6()?;
    let ip = if six.ip().is_unspecified() { Ipv4Addr::UNSPECIFIED } else { six.ip().to_ipv4_mapped()? };
    Some(SocketAddrV4::new(ip, six.port()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use nix::libc;

    use super::{Asked, Family};

    fn four(ip: [u8; 4], port: u16) -> Vec<u8> {
        let family = u16::try_from(libc::AF_INET).unwrap().to_ne_bytes();
        [&family[..], &port.to_be_bytes(), &ip, &[0; 8]].concat()
    }

    fn six(ip: &str, port: u16) -> Vec<u8> {
        let family = u16::try_from(libc::AF_INET6).unwrap().to_ne_bytes();
        let ip: Ipv6Addr = ip.parse().unwrap();
        [&family[..], &port.to_be_bytes(), &[0; 4], &ip.octets(), &[0; 4]].concat()
    }

    fn unix(path: &str) -> Vec<u8> {
        [&u16::try_from(libc::AF_UNIX).unwrap().to_ne_bytes()[..], path.as_bytes(), &[0]].concat()
    }

    #[test]
    fn addresses_are_told_apart() {
        let itself = |family, is_six, is_every| Asked::Itself { family, port: 8000, is_six, is_every };
        let service = |family| Asked::Loopback { family, ip: Ipv4Addr::new(127, 9, 1, 2), port: 8000 };
        for (bytes, expected) in [
            (four([0, 0, 0, 0], 8000), itself(Family::Four, false, true)),
            (four([127, 0, 0, 1], 8000), itself(Family::Four, false, false)),
            (four([127, 9, 1, 2], 8000), service(Family::Four)),
            (six("::", 8000), itself(Family::Six, true, true)),
            (six("::1", 8000), itself(Family::Six, true, false)),
            (six("::ffff:127.0.0.1", 8000), itself(Family::Six, false, false)),
            (six("::ffff:127.9.1.2", 8000), service(Family::Six)),
            (unix("/run/postgresql/.s.PGSQL.5432"), Asked::MachinesServer),
            (unix("/tmp/x"), Asked::Other),
            (vec![0; 16], Asked::Other),
        ] {
            assert_eq!(Asked::parse(&bytes), expected, "{bytes:?}");
        }
        assert!(matches!(Asked::parse(&four([8, 8, 8, 8], 53)), Asked::World { port: 53, .. }));
        assert!(matches!(Asked::parse(&six("2001:db8::1", 53)), Asked::World { port: 53, .. }));
    }

    #[test]
    fn a_cut_address_is_none() {
        for whole in [four([127, 0, 0, 1], 80), six("::1", 80), unix("/run/postgresql/x")] {
            for length in 0..whole.len() {
                let _ = Asked::parse(&whole[..length]);
            }
        }
        assert_eq!(Asked::parse(&four([127, 0, 0, 1], 80)[..7]), Asked::Other);
        assert_eq!(Asked::parse(&six("::1", 80)[..23]), Asked::Other);
    }
}
