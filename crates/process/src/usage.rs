//! What processes use, with all that they have started.

use std::time::Duration;

use crate::stat::Stat;

/// A process as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Its memory in bytes; what it shares with others is divided among them where the system tells (PSS).
    pub memory: u64,
    /// The processor time that it has had.
    pub time: Duration,
    /// Its command line, or its name in brackets.
    pub command: String,
}

/// What a process and all its descendants use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// How many they are.
    pub processes: usize,
    /// Their memory in bytes.
    pub memory: u64,
}

/// What `pid` and all its descendants use; nothing where there is no such process or the system does not tell.
pub fn usage_of(pid: i32) -> Option<Usage> {
    let family = family(pid);
    let memory = family.iter().filter_map(|member| memory(member.pid)).sum();
    (!family.is_empty()).then_some(Usage { processes: family.len(), memory })
}

/// `pid` and all its descendants, parents before children. None where the system does not tell (no `/proc`).
pub fn processes_of(pid: i32) -> Vec<ProcessUsage> {
    let usage = |member: &Stat| ProcessUsage {
        pid: member.pid,
        parent: member.parent,
        memory: memory(member.pid).unwrap_or(0),
        time: member.time,
        command: command(member),
    };
    family(pid).iter().map(usage).collect()
}

/// The processor time that `pid` and all its descendants have had, with those that have ended; nothing where the system does not
/// tell.
pub fn processor_time_of(pid: i32) -> Duration {
    family(pid).iter().map(|member| member.time + member.of_ended).sum()
}

/// `pid` and all its descendants, by generation.
fn family(pid: i32) -> Vec<Stat> {
    let mut all: Vec<Stat> = Stat::all().collect();
    let mut found: Vec<Stat> = all.iter().filter(|member| member.pid == pid).cloned().collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|member| member.pid) {
        let (children, others) = all.into_iter().partition(|member| member.parent == parent);
        found.extend::<Vec<Stat>>(children);
        all = others;
        at += 1;
    }
    found
}

/// The memory of one process in bytes: its share where the kernel tells, else all that it has resident.
fn memory(pid: i32) -> Option<u64> {
    let kilobytes = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    let share = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let share = share.and_then(|text| kilobytes(&text, "Pss:"));
    let resident = || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        kilobytes(&text, "VmRSS:")
    };
    share.or_else(resident).map(|kilobytes| kilobytes * 1024)
}

fn command(member: &Stat) -> String {
    let words = std::fs::read(format!("/proc/{}/cmdline", member.pid)).unwrap_or_default();
    let words: Vec<_> = words
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word))
        .collect();
    if words.is_empty() { format!("[{}]", member.name) } else { words.join(" ") }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{processes_of, usage_of};
    use crate::{Program, SpawnOptions};
    use std::time::Duration;

    #[test]
    fn children_count_with_their_parents() {
        let script = "sleep 60 & sleep 60 & wait";
        let shell = Program::new("/bin/sh").args(["-c", script]).env("PATH", "/bin:/usr/bin");
        let mut child = shell.spawn(SpawnOptions::default()).unwrap();
        let pid = child.id().pid;
        while processes_of(pid).iter().filter(|process| process.command == "sleep 60").count() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let usage = usage_of(pid).unwrap();
        assert_eq!(usage.processes, 3);
        assert!(usage.memory > 100 * 1024, "{usage:?}");
        child.kill().unwrap();
        assert_eq!(usage_of(i32::MAX), None);
    }
}
