//! From a port to its process, through `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;

use nix::unistd::{Uid, User, geteuid};

use crate::ports::PortHolder;
use crate::sockets::{LISTEN_HEX, all_listening, parse_address};

/// So much of a command line, in characters, says what it is.
const SHORT: usize = 80;

pub(crate) fn find(is_wanted: impl Fn(SocketAddr) -> bool) -> Option<PortHolder> {
    let on_port = all_listening().into_iter().filter(|(address, _)| is_wanted(*address));
    let sockets: Vec<String> = on_port.map(|(_, inode)| format!("socket:[{inode}]")).collect();
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let other = |uid: u32| (uid != geteuid().as_raw()).then(|| account(uid));
    match pids.into_iter().find(|&pid| holds(pid, &sockets)) {
        Some(pid) => {
            let owner = fs::metadata(format!("/proc/{pid}")).ok().and_then(|process| other(process.uid()));
            Some(PortHolder::Process { pid, command: command(pid), account: owner })
        }
        // What others have open is not shown; whose a socket is, is.
        None => owner_of(&is_wanted).and_then(other).map(PortHolder::Account),
    }
}

/// The TCP ports that are served where the process `pid` is, which may have a network of its own, for others than itself.
///
/// # Errors
/// When the system does not tell.
pub fn served_around(pid: i32) -> io::Result<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    for family in ["tcp", "tcp6"] {
        let table = match fs::read_to_string(format!("/proc/{pid}/net/{family}")) {
            Ok(table) => table,
            // Not every network has both.
            Err(error) if family == "tcp6" && error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        ports.extend(served_in(&table));
    }
    Ok(ports)
}

fn served_in(table: &str) -> impl Iterator<Item = u16> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let address = parse_address(fields.get(1)?)?;
        (*fields.get(3)? == LISTEN_HEX && !address.ip().is_loopback()).then_some(address.port())
    })
}

/// The account that listens there.
fn owner_of(is_wanted: &impl Fn(SocketAddr) -> bool) -> Option<u32> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables.iter().find_map(|table| owner_in(table, is_wanted))
}

fn owner_in(table: &str, is_wanted: &impl Fn(SocketAddr) -> bool) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = is_wanted(parse_address(fields.get(1)?)?) && *fields.get(3)? == LISTEN_HEX;
        is_it.then(|| fields.get(7)?.parse().ok()).flatten()
    })
}

/// Its name, else its number.
fn account(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

fn holds(pid: i32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

fn command(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let mut short: String = text.trim().chars().take(SHORT).collect();
    if text.trim().chars().count() > SHORT {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{owner_in, served_in};

    #[test]
    fn what_is_served_for_oneself_alone_does_not_count() {
        let table = "  sl  local_address rem_address   st\n\
            0: 0100007F:0050 00000000:0000 0A\n\
            1: 00000000:1F90 00000000:0000 0A\n\
            2: 020011AC:1F91 030011AC:C350 01\n";
        assert_eq!(served_in(table).collect::<Vec<_>>(), [8080]);
    }

    #[test]
    fn the_account_is_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:4717 0100007F:C350 01 00000000:00000000 00:00000000 00000000     7        0 1 1 0\n\
            1: 0100007F:4717 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 2 1 0\n";
        assert_eq!(owner_in(table, &|at| at.port() == 0x4717), Some(65534));
        assert_eq!(owner_in(table, &|at| at.port() == 0x4718), None);
    }
}
