//! Ports: which ones to try.

use std::io;

use backlot_process::{free_ports_from, try_port};

/// The port of a server that is asked for no other, such as one in a container of the official image.
pub const DEFAULT_PORT: u16 = 5432;
/// How many ports are tried before giving up.
const TRIES: usize = 50;

/// The TCP port that a server should listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortWish {
    /// This one or none.
    Exact(u16),
    /// The first free one from `preferred` on.
    Free {
        /// Where to begin, one of [`backlot_process::FREE_PORTS`].
        preferred: u16,
    },
}

impl PortWish {
    /// The ports to try, in this order.
    pub(crate) fn candidates(self) -> Vec<u16> {
        match self {
            Self::Exact(port) => vec![port],
            Self::Free { preferred } => free_ports_from(preferred).take(TRIES).collect(),
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
    // Anything else (no right to a low port) is for the server to find out and to tell.
    !matches!(try_port(port), Err(error) if error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use backlot_process::FREE_PORTS;

    use super::{PortWish, TRIES};

    #[test]
    fn tries_one_after_the_other_and_stays_in_the_range() {
        assert_eq!(PortWish::Exact(5432).candidates(), [5432]);
        let all = PortWish::Free { preferred: 20_100 }.candidates();
        assert_eq!((all.len(), &all[..3]), (TRIES, &[20_100, 20_101, 20_102][..]));
        assert_eq!(PortWish::Free { preferred: 31_999 }.candidates()[..2], [31_999, 20_000]);
        for preferred in [0, 80, 32_000, u16::MAX] {
            let all = PortWish::Free { preferred }.candidates();
            assert!(all.iter().all(|port| FREE_PORTS.contains(port)), "{preferred}");
        }
    }
}
