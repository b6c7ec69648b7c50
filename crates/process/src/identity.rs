//! Which process it is, even after its number has been given to another.

use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::waiting::wait_for;

/// A process: its number and the moment it was started, which together are never used twice between two boots.
///
/// A record that was written down may be older than the last boot, so what it describes must also be held by a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// The start time, in the system's own unit (Linux: clock ticks since boot; elsewhere a hash of it).
    pub started: u64,
}

impl ProcessId {
    /// The process that has this number now; `None` if there is none, or only a dead one that nobody has waited for.
    pub fn of(pid: i32) -> Option<Self> {
        started(pid).map(|started| Self { pid, started })
    }

    /// A child of ours that nobody has waited for yet, dead or alive.
    pub(crate) fn of_child(pid: u32) -> Self {
        let pid = i32::try_from(pid).unwrap_or(0);
        Self { pid, started: entry(pid).map_or(0, |entry| entry.started) }
    }

    /// Whether this very process still runs. A dead one that nobody has waited for does not.
    pub fn is_alive(&self) -> bool {
        started(self.pid) == Some(self.started)
    }

    /// Whether a signal has halted it. Where the system does not tell (no `/proc`), it takes a moment, and has.
    pub fn is_halted(&self) -> bool {
        if !cfg!(target_os = "linux") {
            std::thread::sleep(Duration::from_millis(20));
            return true;
        }
        self.is_alive() && crate::stat::Stat::of(self.pid).is_some_and(|stat| stat.halted)
    }

    /// Sends a signal if this very process still runs; `false` if it does not.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends a signal to the group that this very process leads, if it still runs; `false` if it does not.
    pub fn signal_group(&self, signal: Signal) -> io::Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        match nix::sys::signal::killpg(Pid::from_raw(self.pid), signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the process works in `dir`, as far as the system tells; where it does not (no `/proc`), it is taken to.
    pub fn works_in(&self, dir: &std::path::Path) -> bool {
        if !cfg!(target_os = "linux") {
            return self.is_alive();
        }
        matches!((self.directory(), dir.canonicalize()), (Some(there), Ok(dir)) if there == dir)
    }

    /// The directory that the process works in, as far as the system tells.
    pub fn directory(self) -> Option<std::path::PathBuf> {
        std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }

    /// Waits until this very process is gone; `false` if it still runs at the limit. It need not be a child of ours.
    pub fn wait_gone(&self, limit: Duration) -> bool {
        wait_for(limit, || (!self.is_alive()).then_some(())).is_some()
    }

    /// Waits until all are gone; all together get `limit`, however many they are.
    pub(crate) fn wait_all_gone(processes: &[Self], limit: Duration) {
        let deadline = Instant::now() + limit;
        for process in processes {
            process.wait_gone(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Takes a dead child's entry out of the process table, if it is ours. For those whose [`Child`](crate::Child) has
    /// been dropped; where one still exists, its `wait` does this.
    pub fn reap(&self) {
        // Not our child, or not dead yet: then there is nothing to take away, which is what was asked for.
        let _ = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// When a process was started, and whether it still runs.
struct Entry {
    started: u64,
    alive: bool,
}

/// The start time of a running process.
fn started(pid: i32) -> Option<u64> {
    entry(pid).filter(|entry| entry.alive).map(|entry| entry.started)
}

#[cfg(target_os = "linux")]
fn entry(pid: i32) -> Option<Entry> {
    if pid <= 0 {
        return None;
    }
    let stat = crate::stat::Stat::of(pid)?;
    Some(Entry { started: stat.started, alive: stat.alive })
}

/// There is no `/proc`: `ps` tells the start in words, of which a hash is kept. It is run without [`crate::Program::output`],
/// which would ask for the identity of `ps` in turn.
#[cfg(not(target_os = "linux"))]
fn entry(pid: i32) -> Option<Entry> {
    if pid <= 0 {
        return None;
    }
    let ps = crate::Program::new("/bin/ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C");
    let output = ps.command().stdin(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(' ')?;
    // FNV-1a: the value is written down, so it has to stay the same in every release.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let started = start.trim().bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    Some(Entry { started, alive: !state.starts_with('Z') })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ProcessId, Signal};
    use crate::{Program, SpawnOptions};

    #[test]
    fn follows_a_process_to_its_end() {
        let mut child = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
        let id = child.id();
        assert!(id.is_alive());
        assert_eq!(ProcessId::of(id.pid), Some(id));
        assert!(!id.wait_gone(Duration::from_millis(5)));

        assert!(id.signal(Signal::SIGKILL).unwrap());
        assert!(id.wait_gone(Duration::from_secs(10)), "dead though nobody has waited for it yet");
        assert!(!id.signal(Signal::SIGKILL).unwrap());
        child.wait(Duration::from_secs(10)).unwrap().expect("it is dead");
        assert_eq!(ProcessId::of(id.pid), None);
    }

    #[test]
    fn never_signals_another_process_of_the_same_number() {
        let mut child = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
        let older = ProcessId { started: child.id().started - 1, ..child.id() };
        assert!(!older.is_alive());
        assert!(!older.signal(Signal::SIGKILL).unwrap());
        assert!(child.id().is_alive());
        child.kill().unwrap();
    }

    #[test]
    fn numbers_that_mean_a_group_are_no_process() {
        for pid in [0, -1] {
            assert_eq!(ProcessId::of(pid), None);
            assert!(!ProcessId { pid, started: 0 }.signal(Signal::SIGKILL).unwrap());
        }
    }
}
