//! What processes use, with all that they have started.

use std::time::Duration;

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
    let usage = |member: &Member| ProcessUsage {
        pid: member.pid,
        parent: member.parent,
        memory: memory(member.pid).unwrap_or(0),
        time: member.time,
        command: command(member),
    };
    family(pid).iter().map(usage).collect()
}

/// The number of a process's parent, where the system tells.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|member| member.parent)
}

#[derive(Debug, Clone)]
struct Member {
    pid: i32,
    parent: i32,
    name: String,
    time: Duration,
}

/// `pid` and all its descendants, by generation.
fn family(pid: i32) -> Vec<Member> {
    let mut all = everybody();
    let mut found: Vec<Member> = all.iter().filter(|member| member.pid == pid).cloned().collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|member| member.pid) {
        let (children, others) = all.into_iter().partition(|member| member.parent == parent);
        found.extend::<Vec<Member>>(children);
        all = others;
        at += 1;
    }
    found
}

#[cfg(target_os = "linux")]
fn everybody() -> Vec<Member> {
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn everybody() -> Vec<Member> {
    Vec::new()
}

/// The part of `/proc/<pid>/stat` that counts; see proc(5). The name is in brackets and may hold any character.
fn parse_stat(stat: &str) -> Option<Member> {
    /// Clock ticks in a second, in all that the kernel tells programs.
    const TICKS: u64 = 100;
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Member {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        name: name.to_owned(),
        time: Duration::from_millis(ticks * 1000 / TICKS),
    })
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

fn command(member: &Member) -> String {
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
    use super::{parse_stat, processes_of, usage_of};
    use crate::{Program, SpawnOptions};
    use std::time::Duration;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "12 (a) b (c) S 7 12 12 0 -1 4194304 1 2 3 4 150 50 0 0 20 0 1 0 99";
        let member = parse_stat(stat).unwrap();
        assert_eq!((member.pid, member.parent, member.name.as_str()), (12, 7, "a) b (c"));
        assert_eq!(member.time, Duration::from_secs(2));
        for cut in 0..stat.len() {
            let _ = parse_stat(&stat[..cut]);
        }
    }

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
