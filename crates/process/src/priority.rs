//! How much of the processors a process gets while others want them, too.

use std::io;

use nix::errno::Errno;
use nix::libc;

use crate::identity::ProcessId;

/// So much is added to the niceness. Beside one that has none, it is given a quarter.
const NICER: i32 = 5;

/// Has the group that a process leads give way to all others; `false` if it does not run any more. There is no way back for
/// those who may not raise priorities.
///
/// # Errors
/// What the system says.
pub fn give_way(leader: &ProcessId) -> io::Result<bool> {
    let Ok(group) = leader.pid.try_into() else { return Ok(false) };
    if !leader.is_alive() {
        return Ok(false);
    }
    // -1 is a niceness, too.
    Errno::clear();
    // SAFETY: it takes numbers and returns one.
    let niceness = unsafe { libc::getpriority(libc::PRIO_PGRP, group) };
    if niceness == -1 && Errno::last_raw() != 0 {
        return gone_or(Errno::last());
    }
    // SAFETY: as above.
    if let Err(errno) = Errno::result(unsafe { libc::setpriority(libc::PRIO_PGRP, group, niceness + NICER) })
    {
        return gone_or(errno);
    }
    // Where Linux shares the processors among sessions first, a niceness counts within one only: see autogroup in sched(7).
    let _ = std::fs::write(format!("/proc/{}/autogroup", leader.pid), NICER.to_string());
    Ok(true)
}

fn gone_or(errno: Errno) -> io::Result<bool> {
    match errno {
        Errno::ESRCH => Ok(false),
        errno => Err(errno.into()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::{NICER, give_way};
    use crate::{Group, Program, SpawnOptions};

    fn niceness(pid: i32) -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok()
    }

    #[test]
    fn a_whole_group_gives_way_and_nobody_else() {
        let sleep = || {
            let options = SpawnOptions { group: Group::NewSession, ..SpawnOptions::default() };
            Program::new("/bin/sleep").arg("60").spawn(options).unwrap()
        };
        let (mut one, mut other) = (sleep(), sleep());
        let before = niceness(one.id().pid).unwrap();
        assert!(give_way(&one.id()).unwrap());
        assert_eq!(niceness(one.id().pid), Some((before + NICER).min(19)));
        assert_eq!(niceness(other.id().pid), Some(before));
        one.kill().unwrap();
        one.wait(Duration::from_secs(10)).unwrap();
        assert!(!give_way(&one.id()).unwrap());
        other.kill().unwrap();
    }
}
