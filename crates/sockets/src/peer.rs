//! Whether a client that says no more still listens.
//!
//! The end of what a client sends looks the same whether it has closed its socket or only said its last word (`nc -N`,
//! `socat`): the one is gone, the other waits for its answer. What the system knows of a client's socket on this machine tells
//! them apart: one that was closed belongs to no process any more.

use std::fmt::Write;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Whether the client at `peer` has closed its socket. One on another machine is said to listen, and so is every one where
/// the system does not tell.
pub fn is_gone(local: SocketAddr, peer: SocketAddr) -> bool {
    let (here, there) = (local.ip().to_canonical(), peer.ip().to_canonical());
    if !there.is_loopback() && here != there {
        return false;
    }
    let pair = |mapped| format!("{} {}", written(peer, mapped), written(local, mapped));
    let mut asked = false;
    for (table, pair) in [("/proc/net/tcp", pair(false)), ("/proc/net/tcp6", pair(true))] {
        let Ok(text) = fs::read_to_string(table) else { continue };
        asked = true;
        if let Some(line) = text.lines().find(|line| line.contains(&pair)) {
            return is_orphan(line);
        }
    }
    asked
}

/// Whether a line of the table is about a socket of no process.
fn is_orphan(line: &str) -> bool {
    line.split_ascii_whitespace().nth(9) == Some("0")
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
    use super::{is_orphan, written};

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
        assert!(!is_orphan(&line(4711)));
        assert!(is_orphan(&line(0)));
    }
}
