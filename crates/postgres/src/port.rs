//! Ports: which ones to try.

use std::io;
use std::ops::Range;

use backlot_process::try_port;

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
    // Anything else (no right to a low port) is for the server to find out and to tell.
    !matches!(try_port(port), Err(error) if error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::{PortWish, RANGE, TRIES};

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
}
