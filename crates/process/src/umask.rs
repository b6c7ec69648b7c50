//! The caller's umask, which is for the caller's programs.
//!
//! Whatever is private here is made so by its own mode. As root, Postgres runs under another account, which has to get through
//! the folders above its own: a umask of 027 or 077 would close them.

use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::stat::{Mode, mode_t, umask};
use nix::unistd::geteuid;

/// What the caller has; nothing yet, if it is no mode.
static OF_CALLER: AtomicU32 = AtomicU32::new(NONE);
const NONE: u32 = u32::MAX;

/// Sets our own umask: it never takes anything from the owner, and as root nobody's way through a folder. Programs get the
/// caller's. To be called once, first thing.
pub fn take_umask() {
    let of_caller = umask(Mode::from_bits_truncate(0o077));
    OF_CALLER.store(of_caller.bits().into(), Ordering::Relaxed);
    let kept = if geteuid().is_root() { 0o066 } else { 0o077 };
    umask(of_caller & Mode::from_bits_truncate(kept));
}

/// Gives a program the caller's; one system call, to be made between fork and exec.
pub(crate) fn give_umask() {
    if let Ok(bits) = mode_t::try_from(OF_CALLER.load(Ordering::Relaxed))
        && u32::from(bits) != NONE
    {
        umask(Mode::from_bits_truncate(bits));
    }
}
