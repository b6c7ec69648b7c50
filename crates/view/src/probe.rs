//! What this machine can do.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, socket};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getppid, pipe2};

use crate::calls::Network;
use crate::enter::View;
use crate::error::EnterError;
use crate::mount::{Mount, Rung, Setting, What};

/// What was found, and why it is not more.
struct Found {
    rung: Rung,
    why_not: Option<String>,
    setting: Option<Setting>,
}

static FOUND: OnceLock<Found> = OnceLock::new();

/// How much of a view a program can be given here. It is tried for real, once, in a child that ends at once: that something is
/// allowed in name (`unshare`) does not mean that anything can be mounted (Ubuntu 24.04).
pub fn rung() -> Rung {
    found().rung
}

/// Why it is not more.
pub fn why_not() -> Option<String> {
    found().why_not.clone()
}

/// The setting of the machine's that is known to be in the way of more.
pub fn obstacle() -> Option<Setting> {
    found().setting.clone()
}

fn found() -> &'static Found {
    FOUND.get_or_init(|| {
        let Err(whole) = probe(true) else {
            return Found { rung: Rung::Whole, why_not: None, setting: None };
        };
        let (rung, error, settings) = match probe(false) {
            Ok(()) => (Rung::Mounts, whole, &OF_ADDRESSES[..]),
            Err(error) => (Rung::None, error, &OF_MOUNTS[..]),
        };
        let setting = settings.iter().find_map(|(name, values)| set(name, values));
        Found { rung, why_not: Some(in_words(&error, setting.as_ref())), setting }
    })
}

fn probe(has_addresses: bool) -> io::Result<()> {
    // It exists nowhere, so that `/` is spread and something new is in it.
    let target = PathBuf::from("/backlot-probe/place");
    let mounts = [Mount { target, what: What::Tmpfs { size: None, mode: None }, read_only: true }];
    let network = Arc::new(Network::alone(Ipv4Addr::LOCALHOST));
    let mut view = View::new(&mounts, Path::new("/")).map_err(io::Error::other)?;
    if has_addresses {
        view = view.with_network(Arc::clone(&network))?;
    }
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let parent = Pid::this();
    // SAFETY: the child makes system calls only, and ends without running anything of ours.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // Its calls would wait for ever if we were killed: it holds the socket by which they come to us.
            let _ = set_pdeathsig(Signal::SIGKILL);
            if getppid() != parent {
                // SAFETY: as below.
                unsafe { libc::_exit(1) }
            }
            let entered = view.enter().err().and_then(|error| error.raw_os_error());
            let listened = || if has_addresses { listen_somewhere().err() } else { None };
            let number = entered.or_else(|| listened().map(|errno| errno as i32)).unwrap_or(0);
            let told = File::from(writer).write_all(&number.to_ne_bytes());
            // SAFETY: ends this process, which is a copy of ours, without touching what it shares with us.
            unsafe { libc::_exit(i32::from(told.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let told = answer(reader);
            // Somebody else here may have waited for it: its answer is what counts.
            while waitpid(child, None) == Err(nix::errno::Errno::EINTR) {}
            match told? {
                0 if has_addresses && network.listening().is_empty() => {
                    Err(io::Error::other("what a program listens at cannot be seen"))
                }
                0 => Ok(()),
                number => Err(view.explain(io::Error::from_raw_os_error(number))),
            }
        }
    }
}

fn listen_somewhere() -> nix::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0))?;
    listen(&socket, Backlog::MAXCONN)
}

fn answer(reader: OwnedFd) -> io::Result<i32> {
    let mut number = [0; 4];
    File::from(reader).read_exact(&mut number)?;
    Ok(i32::from_ne_bytes(number))
}

/// Settings that are known to be in the way, and the values with which they are.
const OF_MOUNTS: [(&str, &[&str]); 3] = [
    ("kernel.apparmor_restrict_unprivileged_userns", &["1"]),
    ("kernel.unprivileged_userns_clone", &["0"]),
    ("user.max_user_namespaces", &["0"]),
];
/// A program's sockets are taken as a debugger takes them.
const OF_ADDRESSES: [(&str, &[&str]); 1] = [("kernel.yama.ptrace_scope", &["2", "3"])];

fn set(name: &'static str, values: &[&str]) -> Option<Setting> {
    let value = fs::read_to_string(Path::new("/proc/sys").join(name.replace('.', "/"))).ok()?;
    let value = value.trim();
    values.contains(&value).then(|| Setting { name, value: value.to_owned() })
}

/// The error, and which of the machine's settings is known to bring it about.
fn in_words(error: &io::Error, setting: Option<&Setting>) -> String {
    let entering = error.get_ref().and_then(|inner| inner.downcast_ref::<EnterError>());
    let plain = entering.map_or_else(
        || error.to_string(),
        |entering| format!("a program may not {}: {}", entering.doing, entering.source),
    );
    match setting {
        Some(Setting { name, value }) => format!("{plain} ({name} is {value})"),
        None => plain,
    }
}
