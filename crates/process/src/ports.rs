//! Ports of this machine: which to try, and who listens on one.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortHolder {
    /// A process.
    Process {
        /// Its number.
        pid: i32,
        /// Its command line, shortened.
        command: String,
        /// Its account, if that is another one.
        account: Option<String>,
    },
    /// A process of another account, and the system does not tell this one which.
    Account(String),
}

impl PortHolder {
    /// The process.
    pub fn pid(&self) -> Option<i32> {
        match self {
            Self::Process { pid, .. } => Some(*pid),
            Self::Account(_) => None,
        }
    }
}

impl fmt::Display for PortHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, command, account: None } => write!(formatter, "process {pid} ({command})"),
            Self::Process { pid, command, account: Some(account) } => {
                write!(formatter, "process {pid} of the account {account} ({command})")
            }
            Self::Account(account) => write!(formatter, "a process of the account {account}"),
        }
    }
}

/// The ports that are tried where any will do: clear of those that the kernel gives to outgoing connections (from 32768 on),
/// and of the well-known ones.
pub const FREE_PORTS: Range<u16> = 20_000..32_000;

/// All of [`FREE_PORTS`], beginning with `first` where it is one of them.
pub fn free_ports_from(first: u16) -> impl Iterator<Item = u16> {
    let first = if FREE_PORTS.contains(&first) { first } else { FREE_PORTS.start };
    (first..FREE_PORTS.end).chain(FREE_PORTS.start..first)
}

/// Tries a port of 127.0.0.1: whether it can be listened on now. The answer may be old when it arrives: whoever needs the
/// port has to be ready for a no.
///
/// # Errors
/// What the system says: [`io::ErrorKind::AddrInUse`] when somebody listens there.
pub fn try_port(port: u16) -> io::Result<()> {
    try_address((Ipv4Addr::LOCALHOST, port).into())
}

/// Tries an address, as [`try_port`].
///
/// # Errors
/// The same, and [`io::ErrorKind::AddrNotAvailable`] when it is none of this machine's.
pub fn try_address(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// Who listens on the port, as far as this account may know. Nobody where the system does not tell (no `/proc`).
#[cfg(target_os = "linux")]
pub fn port_holder(port: u16) -> Option<PortHolder> {
    crate::listeners::find(|address| address.port() == port)
}

/// Who listens at an address, or at all of this machine's; none where the system does not tell.
#[cfg(target_os = "linux")]
pub fn address_holder(address: SocketAddr) -> Option<PortHolder> {
    let is_there = |other: SocketAddr| {
        let covers =
            other.ip() == address.ip() || other.ip().is_unspecified() || address.ip().is_unspecified();
        covers && other.port() == address.port()
    };
    crate::listeners::find(is_there)
}

/// Who listens at the address: the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn address_holder(_address: SocketAddr) -> Option<PortHolder> {
    None
}

/// Who listens on the port: the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn port_holder(_port: u16) -> Option<PortHolder> {
    None
}

/// The words of the command lines of a process, its parent, and so on up; none where the system does not tell.
pub fn command_lines_up_from(pid: i32) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut next = Some(pid);
    // A chain cannot be longer than there are processes; that it ends is not for us to trust.
    while let Some(pid) = next.filter(|pid| *pid > 1 && lines.len() < 64) {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        lines.push(words.collect());
        next = crate::stat::Stat::of(pid).map(|stat| stat.parent);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::try_port;

    #[test]
    fn sees_who_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(try_port(port).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        #[cfg(target_os = "linux")]
        {
            let holder = super::port_holder(port).unwrap();
            let own = i32::try_from(std::process::id()).unwrap();
            assert!(holder.to_string().starts_with(&format!("process {own} (")), "{holder}");
            assert!(holder.to_string().contains("backlot_process"), "{holder}");
            let lines = super::command_lines_up_from(own);
            assert!(lines[0][0].contains("backlot_process") && lines.len() > 1, "{lines:?}");
        }
        drop(listener);
        // A program that another test is just starting has a copy of it until its execve.
        let start = std::time::Instant::now();
        while try_port(port).is_err() {
            assert!(start.elapsed() < std::time::Duration::from_secs(10), "the port is not free again");
        }
    }
}
