//! Descendants: those of ours whose parents have died, in whatever session they are and whatever environment they have.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::identity::ProcessId;

/// How often descendants are looked for again: each round finds those that the ones before it were starting.
const ROUNDS: usize = 20;

/// From now on, descendants whose parents die are handed to this process instead of to the system's first one. Where there
/// is no such thing (it is Linux's), this has no effect.
pub fn become_subreaper() {
    // It fails on kernels older than 3.4 only.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Kills all descendants but `spared` with theirs, and takes their entries out of the process table. Each round may take
/// `grace`. Returns how many there were at first. Where the system does not tell (no `/proc`), there are none.
///
/// Those that were handed to us are ours to wait for, and so are our children that nobody waits for any more. A child
/// that somebody still waits for belongs to `spared`.
pub fn kill_descendants(spared: &[i32], grace: Duration) -> usize {
    let mut first = None;
    for _ in 0..ROUNDS {
        let left = descendants(spared);
        first.get_or_insert(left.len());
        if left.is_empty() {
            break;
        }
        for process in &left {
            let _ = process.signal(Signal::SIGKILL);
        }
        ProcessId::wait_all_gone(&left, grace);
        reap_strangers(spared);
    }
    first.unwrap_or(0)
}

/// Takes the entries of dead children out of the process table, but for those of `known`, which somebody waits for.
pub fn reap_strangers(known: &[i32]) {
    for pid in children_of(std::process::id().cast_signed()) {
        if !known.contains(&pid) {
            // One that lives on is left alone.
            let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// A process and all that descends from it, by number. It alone where the system does not tell (no `/proc`).
pub fn with_descendants(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(children_of(parent));
        at += 1;
    }
    found
}

/// All that descends from us and runs, but `spared` with theirs.
fn descendants(spared: &[i32]) -> Vec<ProcessId> {
    let mut found = Vec::new();
    let mut parents = vec![std::process::id().cast_signed()];
    while let Some(parent) = parents.pop() {
        for pid in children_of(parent) {
            if !spared.contains(&pid) {
                found.extend(ProcessId::of(pid));
                parents.push(pid);
            }
        }
    }
    found
}

/// The children of a process, by number, the dead among them.
#[cfg(target_os = "linux")]
fn children_of(pid: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    children
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn children_of(_pid: i32) -> Vec<i32> {
    Vec::new()
}
