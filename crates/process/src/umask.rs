//! The caller's umask, which is for the caller's programs.
//!
//! Whatever is private here is made so by its own mode. As root, Postgres runs under another account, which has to get through
//! the folders above its own: a umask of 027 or 077 would close them.

use std::sync::OnceLock;

use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

/// What the caller has.
static OF_CALLER: OnceLock<Mode> = OnceLock::new();

/// Sets our own umask: it never takes anything from the owner, and as root nobody's way through a folder. Programs get the
/// caller's. To be called first thing.
pub fn take_umask() {
    let of_caller = *OF_CALLER.get_or_init(|| umask(Mode::from_bits_truncate(0o077)));
    let kept = if geteuid().is_root() { 0o066 } else { 0o077 };
    umask(of_caller & Mode::from_bits_truncate(kept));
}

/// Gives a program the caller's: one system call, to be made between fork and exec.
pub(crate) fn give_umask() {
    if let Some(of_caller) = OF_CALLER.get() {
        umask(*of_caller);
    }
}
