//! A worktree that goes while something of it is up: a small process looks for that, as what runs would go on for ever.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use backlot_process::{Group, SpawnOptions, Stream};

use super::Checkout;
use crate::error::EngineError;
use crate::lock::{Lock, LockError};
use crate::ourselves::{CHECKOUT_VERB, ourselves};
use crate::site::Site;

/// How often it is looked: a directory that goes tells nobody on all file systems.
const STEP: Duration = Duration::from_millis(500);

/// What became of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was removed.
    Removed,
    /// It is somewhere else.
    Moved,
}

/// Has a process of its own look after the linked worktree that has the project in `root`, for the sake of the environment at
/// `site`, as long as something of that is up. Other checkouts are not looked after.
///
/// # Errors
/// When it cannot be started.
pub fn attend(site: &Site, root: &Path, caller: &BTreeMap<String, String>) -> Result<(), EngineError> {
    if Checkout::of(root).linked().is_none() || Lock::is_held(&lock_of(site))? {
        return Ok(());
    }
    // It may have to call Docker; and it is in nobody's way where it works itself.
    let program = ourselves()?.envs(caller).current_dir("/");
    let program = program.arg(CHECKOUT_VERB).arg(site.home().root()).arg(site.dir()).arg(root);
    let (group, dies_with_parent) = (Group::NewSession, None);
    let (stdin, stdout, stderr) = (Stream::Null, Stream::Null, Stream::Null);
    program.spawn(SpawnOptions {
        group,
        dies_with_parent,
        stdin,
        stdout,
        stderr,
        ..SpawnOptions::default()
    })?;
    Ok(())
}

fn lock_of(site: &Site) -> std::path::PathBuf {
    site.live().join("checkout.lock")
}

/// Waits until the project is not in `root` any more; nothing where the environment at `site` comes to its end before, which
/// `is_over` says, or where somebody else looks already.
///
/// # Errors
/// When it cannot be looked at.
pub fn until_left(site: &Site, root: &Path, is_over: &dyn Fn() -> bool) -> Result<Option<Left>, EngineError> {
    let _lock = match Lock::acquire(&lock_of(site), Duration::ZERO) {
        Ok(lock) => lock,
        Err(LockError::Held { .. }) => return Ok(None),
        Err(_) if !site.live().is_dir() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let failed = |source| EngineError::Io { what: "open", path: root.to_owned(), source };
    let held = match File::open(root) {
        Ok(held) => held,
        // It went while we were being started.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Left::Removed)),
        Err(source) => return Err(failed(source)),
    };
    let own = held.metadata().map_err(failed)?;
    let is_there = || root.metadata().is_ok_and(|found| is_same(&found, &own));
    loop {
        if !site.live().is_dir() || is_over() {
            return Ok(None);
        }
        // Twice, as what is on a network may be gone for a moment.
        let is_gone = !is_there() && {
            std::thread::sleep(STEP);
            !is_there()
        };
        if is_gone {
            let is_removed = held.metadata().is_ok_and(|now| now.nlink() == 0);
            return Ok(Some(if is_removed { Left::Removed } else { Left::Moved }));
        }
        std::thread::sleep(STEP);
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
