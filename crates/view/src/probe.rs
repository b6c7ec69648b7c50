//! What this machine can do.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pipe2};

use crate::enter::View;
use crate::error::EnterError;
use crate::mount::{Mount, Rung, What};

static FOUND: OnceLock<Option<String>> = OnceLock::new();

/// How much of a view a program can be given here. It is tried for real, once, in a child that ends at once: that something is
/// allowed in name (`unshare`) does not mean that anything can be mounted (Ubuntu 24.04).
pub fn rung() -> Rung {
    if found().is_none() { Rung::Mounts } else { Rung::None }
}

/// Why it is not more.
pub fn why_not() -> Option<String> {
    found().cloned()
}

fn found() -> Option<&'static String> {
    FOUND.get_or_init(|| probe().err().map(|error| in_words(&error))).as_ref()
}

fn probe() -> io::Result<()> {
    // It exists nowhere, so that `/` is spread and something new is in it.
    let target = PathBuf::from("/backlot-probe/place");
    let mounts = [Mount { target, what: What::Tmpfs { size: None, mode: None }, read_only: true }];
    let view = View::new(&mounts, Path::new("/")).map_err(io::Error::other)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: the child makes system calls only, and ends without running anything of ours.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let number = view.enter().err().and_then(|error| error.raw_os_error()).unwrap_or(0);
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
                0 => Ok(()),
                number => Err(view.explain(io::Error::from_raw_os_error(number))),
            }
        }
    }
}

fn answer(reader: OwnedFd) -> io::Result<i32> {
    let mut number = [0; 4];
    File::from(reader).read_exact(&mut number)?;
    Ok(i32::from_ne_bytes(number))
}

/// The error, and which of the machine's settings is known to bring it about.
fn in_words(error: &io::Error) -> String {
    let entering = error.get_ref().and_then(|inner| inner.downcast_ref::<EnterError>());
    let plain = entering.map_or_else(
        || error.to_string(),
        |entering| format!("a program may not {}: {}", entering.doing, entering.source),
    );
    let is = |name: &str, value: &str| {
        fs::read_to_string(Path::new("/proc/sys").join(name)).is_ok_and(|text| text.trim() == value)
    };
    let settings = [
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
    ];
    match settings.iter().find(|(name, value)| is(name, value)) {
        Some((name, value)) => format!("{plain} ({} is {value})", name.replace('/', ".")),
        None => plain,
    }
}
