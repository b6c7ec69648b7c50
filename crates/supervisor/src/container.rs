//! A container that a replica is: its client runs in the foreground as our child, and is asked for all else.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backlot_process::Program;
use serde::{Deserialize, Serialize};

use crate::runbook::ProcessRun;

/// How long the engine may take to remove a container, or to tell of one.
const LIMIT: Duration = Duration::from_secs(10);

/// What makes a process the client of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRun {
    /// What people call the engine: `docker`.
    pub engine: String,
    /// What the names of its containers begin with.
    pub prefix: String,
    /// The words that remove a container at once, before its name.
    pub remove: Vec<String>,
    /// Whether it has this machine's network, and with it its own ports.
    pub shares_network: bool,
}

/// Containers of an environment that may come to one of its endpoints: those with these addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// The lowest address.
    pub first: Ipv4Addr,
    /// How many bits they have in common.
    pub bits: u8,
}

impl Peers {
    /// Whether an address is one of them.
    pub(crate) fn has(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(u32::from(32 - self.bits.min(32))).unwrap_or(0);
        address.to_bits() & mask == self.first.to_bits() & mask
    }
}

/// Where the containers of an environment reach a port of another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// An address of this machine.
    pub at: SocketAddr,
    /// Who is let in; where nothing is said, all.
    pub peers: Option<Peers>,
}

impl ContainerRun {
    /// A name for one more container, which nobody has had.
    pub(crate) fn one_more(&self, label: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        format!("{}-{label}-{:x}", self.prefix, (now << 24) ^ (u128::from(pid) << 8) ^ u128::from(count))
    }
}

/// A container by its name.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) name: String,
    run: ContainerRun,
    program: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Container {
    pub(crate) fn new(name: String, run: &ContainerRun, process: &ProcessRun) -> Self {
        Self {
            name,
            run: run.clone(),
            program: process.program.clone(),
            variables: process.surroundings.clone(),
        }
    }

    fn command<A: Into<std::ffi::OsString>>(&self, words: impl IntoIterator<Item = A>) -> Program {
        Program::new(&self.program).args(words).arg(&self.name).envs(&self.variables)
    }

    /// Removes it, whatever it does; what is left of it, the label tells.
    pub(crate) fn remove(&self) {
        let _ = self.command(&self.run.remove).output(LIMIT);
    }

    /// Asks it to end as its image or its file says, and waits for that; whether it was told.
    pub(crate) fn stop(&self, grace: Duration) -> bool {
        // Whoever asks for its end looks after the time.
        let later = (grace + LIMIT).as_secs().to_string();
        let stop = self.command(["stop", "-t", &later]).output(grace + LIMIT);
        stop.is_ok_and(|output| output.status.success())
    }

    /// The number of its first process on this machine.
    pub(crate) fn pid(&self) -> Option<i32> {
        let output = self.command(["inspect", "--format", "{{.State.Pid}}"]).output(LIMIT).ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok().filter(|pid| *pid > 0)
    }
}

/// A socket at an address that this machine may not have yet: a bridge comes with its first container.
pub(crate) fn listen_early(address: SocketAddr) -> std::io::Result<TcpListener> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{
            AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket, sockopt,
        };

        if let SocketAddr::V4(address) = address {
            let own = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            setsockopt(&own, sockopt::ReuseAddr, &true)?;
            setsockopt(&own, sockopt::IpFreebind, &true)?;
            bind(own.as_raw_fd(), &SockaddrIn::from(address))?;
            listen(&own, Backlog::new(1024).unwrap_or(Backlog::MAXCONN))?;
            return Ok(own.into());
        }
    }
    TcpListener::bind(address)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{ContainerRun, Peers, listen_early};

    #[test]
    fn peers_are_those_of_a_network() {
        let peers = Peers { first: Ipv4Addr::new(172, 18, 0, 0), bits: 16 };
        assert!(peers.has(Ipv4Addr::new(172, 18, 255, 1)) && !peers.has(Ipv4Addr::new(172, 19, 0, 1)));
        let all = Peers { first: Ipv4Addr::UNSPECIFIED, bits: 0 };
        assert!(all.has(Ipv4Addr::BROADCAST));
        let one = Peers { first: Ipv4Addr::LOCALHOST, bits: 32 };
        assert!(one.has(Ipv4Addr::LOCALHOST) && !one.has(Ipv4Addr::new(127, 0, 0, 2)));
    }

    #[test]
    fn no_two_containers_have_one_name() {
        let run = ContainerRun {
            engine: "docker".into(),
            prefix: "a".into(),
            remove: Vec::new(),
            shares_network: false,
        };
        assert!(run.one_more("web-1").starts_with("a-web-1-"));
        assert_ne!(run.one_more("web-1"), run.one_more("web-1"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_can_listen_where_nobody_is_yet() {
        let address = (Ipv4Addr::new(10, 213, 7, 1), 0).into();
        assert!(std::net::TcpListener::bind(address).is_err());
        assert!(listen_early(address).is_ok());
    }
}
