//! A server that stands still.

use std::process::ChildStdin;
use std::time::Duration;

use backlot_process::{
    Child, Group, ProcessId, Program, Signal, SpawnOptions, Stream, wait_for, with_descendants,
};

use crate::error::SnapshotError;

/// How long its processes may take to halt: what they are at in the kernel ends first.
const HALTING: Duration = Duration::from_secs(2);

/// Waits for the end of its input, and has a process and its children go on.
const THAW: &str = "read -r _; kill -CONT \"$1\"; \
    for child in $(cat \"/proc/$1/task/$1/children\" 2>/dev/null || pgrep -P \"$1\"); do kill -CONT \"$child\"; done";

/// A server whose processes all stand still, until this is dropped, or we are killed.
#[derive(Debug)]
pub(crate) struct Frozen {
    processes: Vec<ProcessId>,
    _thaw: Thaw,
}

impl Frozen {
    /// Halts the postmaster first, so that nothing new comes, and then its children.
    pub(crate) fn halt(postmaster: ProcessId) -> Result<Self, SnapshotError> {
        let mut frozen = Self { _thaw: Thaw::after_us(postmaster)?, processes: vec![postmaster] };
        let _ = postmaster.signal(Signal::SIGSTOP);
        wait_for(HALTING, || postmaster.is_halted().then_some(())).ok_or(SnapshotError::Restless)?;
        let children = with_descendants(postmaster.pid).into_iter().filter(|pid| *pid != postmaster.pid);
        frozen.processes.extend(children.filter_map(ProcessId::of));
        for child in frozen.processes.iter().skip(1) {
            let _ = child.signal(Signal::SIGSTOP);
        }
        // One that has ended meanwhile stands still, too.
        let is_still = |process: &ProcessId| process.is_halted() || !process.is_alive();
        wait_for(HALTING, || frozen.processes.iter().all(is_still).then_some(()))
            .ok_or(SnapshotError::Restless)?;
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in self.processes.iter().rev() {
            let _ = process.signal(Signal::SIGCONT);
        }
    }
}

/// A process that has a server go on when we have ended, however we did.
#[derive(Debug)]
struct Thaw {
    child: Child,
    input: Option<ChildStdin>,
}

impl Thaw {
    fn after_us(postmaster: ProcessId) -> Result<Self, SnapshotError> {
        let program = Program::new("/bin/sh").args(["-c", THAW, "sh", &postmaster.pid.to_string()]);
        let options = SpawnOptions {
            group: Group::NewSession,
            dies_with_parent: None,
            stdin: Stream::Pipe,
            stdout: Stream::Null,
            stderr: Stream::Null,
            ..SpawnOptions::default()
        };
        let mut child = program.spawn(options).map_err(SnapshotError::Thaw)?;
        let input = child.take_stdin();
        Ok(Self { child, input })
    }
}

impl Drop for Thaw {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait(HALTING);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backlot_process::{ProcessId, Program, Signal, SpawnOptions, wait_for, with_descendants};

    use super::{Frozen, Thaw};

    /// A shell and its child.
    fn family() -> (backlot_process::Child, Vec<ProcessId>) {
        let shell =
            Program::new("/bin/sh").args(["-c", "sleep 1000 & wait"]).spawn(SpawnOptions::default()).unwrap();
        let both = || Some(with_descendants(shell.id().pid)).filter(|all| all.len() == 2);
        let all = wait_for(Duration::from_secs(5), both).unwrap();
        (shell, all.into_iter().filter_map(ProcessId::of).collect())
    }

    fn end(mut shell: backlot_process::Child, all: &[ProcessId]) {
        for process in all {
            let _ = process.signal(Signal::SIGKILL);
        }
        let _ = shell.wait(Duration::from_secs(5));
    }

    #[test]
    fn all_stand_still_and_go_on() {
        let (shell, all) = family();
        let frozen = Frozen::halt(shell.id()).unwrap();
        assert!(all.iter().all(ProcessId::is_halted));
        drop(frozen);
        assert!(all.iter().all(|process| process.is_alive() && !process.is_halted()));
        end(shell, &all);
    }

    #[test]
    fn all_go_on_when_whoever_has_halted_them_is_gone() {
        let (shell, all) = family();
        let thaw = Thaw::after_us(shell.id()).unwrap();
        for process in &all {
            let _ = process.signal(Signal::SIGSTOP);
        }
        let wait = |halted: bool| {
            let are_so = || all.iter().all(|process| process.is_halted() == halted).then_some(());
            wait_for(Duration::from_secs(5), are_so).unwrap();
        };
        wait(true);
        // As our end closes its input.
        drop(thaw);
        wait(false);
        end(shell, &all);
    }
}
