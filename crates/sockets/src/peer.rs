//! Whether a client that says no more still listens.
//!
//! The end of what a client sends looks the same whether it has closed its socket or only said its last word (`nc -N`,
//! `socat`): the one is gone, the other waits for its answer. What the system knows of a client's socket on this machine tells
//! them apart: one that was closed belongs to no process any more.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The sockets of this machine that belong to some process, by their two addresses.
#[derive(Debug)]
pub struct Living {
    /// Nothing where the system does not tell.
    pairs: Option<HashSet<String>>,
}

impl Living {
    /// Asks the system, which may take a while.
    pub fn look() -> Self {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
        let is_told = tables.iter().any(Result::is_ok);
        let living = tables.iter().flatten().flat_map(|table| table.lines()).filter_map(pair);
        Self { pairs: is_told.then(|| living.collect()) }
    }

    /// Whether the client at `peer` has closed its socket. One on another machine is said to listen.
    pub fn is_gone(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        let (here, there) = (local.ip().to_canonical(), peer.ip().to_canonical());
        let Some(pairs) = self.pairs.as_ref().filter(|_| there.is_loopback() || here == there) else {
            return false;
        };
        let has = |mapped| pairs.contains(&format!("{} {}", written(peer, mapped), written(local, mapped)));
        !has(false) && !has(true)
    }
}

/// The addresses in a line of the table, unless it is about a socket of no process.
fn pair(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (one, other) = (words.next()?, words.next()?);
    (words.nth(6)? != "0").then(|| format!("{one} {other}"))
}

/// An address as the system's tables have it: words in the machine's own order, `mapped` into IPv6 where it is none.
fn written(addr: SocketAddr, mapped: bool) -> String {
    let octets = match (addr.ip().to_canonical(), mapped) {
        (IpAddr::V4(ip), false) => ip.octets().to_vec(),
        (IpAddr::V4(ip), true) => ip.to_ipv6_mapped().octets().to_vec(),
        (IpAddr::V6(ip), _) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in octets.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        // To write to a text cannot fail.
        let _ = write!(text, "{word:08X}");
    }
    let _ = write!(text, ":{:04X}", addr.port());
    text
}

#[cfg(test)]
mod tests {
    use super::{pair, written};

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_as_the_system_writes_them() {
        let local = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(written(local, false), "0100007F:1F90");
        assert_eq!(written(local, true), "0000000000000000FFFF00000100007F:1F90");
        assert_eq!(written("[::1]:80".parse().unwrap(), true), "00000000000000000000000001000000:0050");
        assert_eq!(written("[::ffff:127.0.0.1]:80".parse().unwrap(), false), "0100007F:0050");
    }

    #[test]
    fn whose_a_socket_is() {
        let line = |inode| {
            format!(
                "  1: 0100007F:1F90 0100007F:C350 05 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0"
            )
        };
        assert_eq!(pair(&line(4711)).unwrap(), "0100007F:1F90 0100007F:C350");
        assert_eq!(pair(&line(0)), None);
    }
}
