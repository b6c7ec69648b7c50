//! Ports: which ones to try, and who has one.

#[cfg(target_os = "linux")]
mod holder;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Clear of the ports that the kernel gives to outgoing connections (from 32768 on), and of the well-known ones.
const RANGE: Range<u16> = 20_000..32_000;
/// How many ports are tried before giving up.
const TRIES: u16 = 50;

/// The TCP port that a server should listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortWish {
    /// This one or none.
    Exact(u16),
    /// The first free one from `preferred` on.
    Free {
        /// Where to begin: 20000 to 31999 keeps clear of the ports that the kernel gives to outgoing connections.
        preferred: u16,
    },
}

/// The process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: i32,
    /// Its command line, shortened.
    pub command: String,
}

impl PortWish {
    /// The ports to try, in this order.
    pub(crate) fn candidates(self) -> Vec<u16> {
        match self {
            Self::Exact(port) => vec![port],
            Self::Free { preferred } => {
                let start = if RANGE.contains(&preferred) { preferred } else { RANGE.start };
                let ports = (0..TRIES)
                    .map(|step| RANGE.start + (start - RANGE.start + step) % (RANGE.end - RANGE.start));
                ports.collect()
            }
        }
    }

    /// The first port to try.
    pub(crate) fn first(self) -> u16 {
        match self {
            Self::Exact(port) => port,
            Self::Free { preferred } => preferred,
        }
    }
}

/// Whether nobody listens on this port of 127.0.0.1 at the moment. The answer may be old when it arrives: whoever needs the
/// port has to be ready for a no.
pub(crate) fn is_free(port: u16) -> bool {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_listener) => true,
        // Anything else (no right to a low port) is for the server to find out and to tell.
        Err(error) => error.kind() != io::ErrorKind::AddrInUse,
    }
}

/// Who listens on the port, as far as this account may know.
#[cfg(target_os = "linux")]
pub(crate) fn holder(port: u16) -> Option<Holder> {
    holder::find(port)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_port: u16) -> Option<Holder> {
    None
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{PortWish, RANGE, TRIES, is_free};

    #[test]
    fn tries_one_after_the_other_and_stays_in_the_range() {
        assert_eq!(PortWish::Exact(5432).candidates(), [5432]);
        let all = PortWish::Free { preferred: 20_100 }.candidates();
        assert_eq!((all.len(), &all[..3]), (usize::from(TRIES), &[20_100, 20_101, 20_102][..]));
        assert_eq!(PortWish::Free { preferred: 31_999 }.candidates()[..2], [31_999, 20_000]);
        for preferred in [0, 80, 32_000, u16::MAX] {
            let all = PortWish::Free { preferred }.candidates();
            assert!(all.iter().all(|port| RANGE.contains(port)), "{preferred}");
        }
    }

    #[test]
    fn sees_who_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        #[cfg(target_os = "linux")]
        {
            let holder = super::holder(port).unwrap();
            assert_eq!(holder.pid, i32::try_from(std::process::id()).unwrap());
            assert!(holder.command.contains("backlot_postgres"), "{holder:?}");
        }
        drop(listener);
        assert!(is_free(port));
    }
}
