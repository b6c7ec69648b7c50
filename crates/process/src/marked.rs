//! Processes that are known by what they inherited, a variable or a directory, whoever their parent is by now.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::identity::ProcessId;

/// How often processes are looked for again: each round finds those that the ones before it were starting.
const ROUNDS: usize = 5;

/// How often a process without an environment is looked at: few are started without any.
#[cfg(target_os = "linux")]
const LOOKS: usize = 4;
/// How long after one another.
#[cfg(target_os = "linux")]
const A_MOMENT: Duration = Duration::from_millis(1);

/// Ends all processes that were started with `name=value` in their environment: SIGTERM, and SIGKILL for those that are
/// still there after `grace`. Returns how many there were. Ourselves excepted. Where the system does not tell what
/// processes were started with (no `/proc`), there are none.
pub fn end_all_with_variable(name: &str, value: &str, grace: Duration) -> usize {
    let first = all_with_variable(name, value);
    for process in &first {
        // One that is gone or not ours to signal is not ours to end either.
        let _ = process.signal(Signal::SIGTERM);
    }
    ProcessId::wait_all_gone(&first, grace);
    kill_all(|| all_with_variable(name, value), grace);
    first.len()
}

/// Kills all processes of the program `name` that work in `dir`; each round of killing may take `grace`. Where the system
/// does not tell (no `/proc`), there are none.
pub fn kill_all_working_in(dir: &Path, name: &str, grace: Duration) {
    kill_all(|| all_working_in(dir, name), grace);
}

/// A process that works in `dir`, or below it, by whatever path it got there: one in a container sees another. `None` where
/// the system does not tell.
pub fn working_in(dir: &Path) -> Option<ProcessId> {
    worker_in(dir)
}

/// All processes of the program `name` that work in `dir`. Where the system does not tell (no `/proc`), there are none.
pub fn all_of_program_in(dir: &Path, name: &str) -> Vec<ProcessId> {
    all_working_in(dir, name)
}

/// A process whose program is in `dir`, or below it. `None` where the system does not tell (no `/proc`).
pub fn running_from(dir: &Path) -> Option<ProcessId> {
    runner_from(dir)
}

/// Whether a process has this path in its command line or its environment, or something below it in its view, ourselves excepted.
/// Where the system does not tell (no `/proc`), none has.
pub fn is_named_by_anybody(path: &Path) -> bool {
    named_by_anybody(path)
}

#[cfg(target_os = "linux")]
fn named_by_anybody(path: &Path) -> bool {
    let wanted = path.as_os_str().as_encoded_bytes();
    let has_it = |text: &[u8]| text.windows(wanted.len()).any(|window| window == wanted);
    let command =
        |process: &ProcessId| std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    // Mounts are told from the root of their own file system.
    let below = path.file_name().map(|name| [b"/", name.as_encoded_bytes(), b"/"].concat());
    let sees_it = |process: &ProcessId| {
        let mounts = std::fs::read(format!("/proc/{}/mountinfo", process.pid)).unwrap_or_default();
        below.as_ref().is_some_and(|below| mounts.windows(below.len()).any(|window| window == below))
    };
    all_others()
        .any(|process| has_it(&command(&process)) || has_it(&environment(&process)) || sees_it(&process))
}

#[cfg(not(target_os = "linux"))]
fn named_by_anybody(_path: &Path) -> bool {
    false
}

/// Kills what `find` finds, until it finds nothing any more.
fn kill_all(find: impl Fn() -> Vec<ProcessId>, grace: Duration) {
    for _ in 0..ROUNDS {
        let left = find();
        if left.is_empty() {
            break;
        }
        for process in &left {
            let _ = process.signal(Signal::SIGKILL);
        }
        ProcessId::wait_all_gone(&left, grace);
    }
}

/// All processes that were started with `name=value` in their environment, ourselves excepted. Where the system does not
/// tell (no `/proc`), there are none.
#[cfg(target_os = "linux")]
pub fn all_with_variable(name: &str, value: &str) -> Vec<ProcessId> {
    let wanted = format!("{name}={value}");
    let has_it = |process: &ProcessId| {
        environment(process).split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    all_others().filter(has_it).collect()
}

/// What a process was started with; nothing where that is not ours to know. In the middle of an `execve` it has none for a
/// moment, and is looked at again.
#[cfg(target_os = "linux")]
fn environment(process: &ProcessId) -> Vec<u8> {
    let file = format!("/proc/{}/environ", process.pid);
    for _ in 0..LOOKS {
        match std::fs::read(&file) {
            Ok(environment) if environment.is_empty() && has_program(process) => std::thread::sleep(A_MOMENT),
            Ok(environment) => return environment,
            Err(_) => break,
        }
    }
    Vec::new()
}

/// Neither one that has ended nor one of the kernel's.
#[cfg(target_os = "linux")]
fn has_program(process: &ProcessId) -> bool {
    std::fs::read_link(format!("/proc/{}/exe", process.pid)).is_ok()
}

#[cfg(target_os = "linux")]
fn all_working_in(dir: &Path, name: &str) -> Vec<ProcessId> {
    let is_program = |process: &ProcessId| {
        let program = std::fs::read_link(format!("/proc/{}/exe", process.pid)).unwrap_or_default();
        program.file_name().is_some_and(|file| file == name)
    };
    all_others().filter(|process| process.works_in(dir) && is_program(process)).collect()
}

#[cfg(target_os = "linux")]
fn worker_in(dir: &Path) -> Option<ProcessId> {
    use std::os::unix::fs::MetadataExt;
    let same = std::fs::metadata(dir).ok().map(|dir| (dir.dev(), dir.ino()))?;
    let dir = dir.canonicalize().ok()?;
    all_others().find(|process| {
        let cwd = format!("/proc/{}/cwd", process.pid);
        std::fs::metadata(&cwd).is_ok_and(|there| (there.dev(), there.ino()) == same)
            || std::fs::read_link(&cwd).is_ok_and(|there| there.starts_with(&dir))
    })
}

#[cfg(not(target_os = "linux"))]
fn worker_in(_dir: &Path) -> Option<ProcessId> {
    None
}

#[cfg(target_os = "linux")]
fn runner_from(dir: &Path) -> Option<ProcessId> {
    let dir = dir.canonicalize().ok()?;
    let program = |process: &ProcessId| std::fs::read_link(format!("/proc/{}/exe", process.pid)).ok();
    all_others().find(|process| program(process).is_some_and(|program| program.starts_with(&dir)))
}

#[cfg(not(target_os = "linux"))]
fn runner_from(_dir: &Path) -> Option<ProcessId> {
    None
}

/// All processes of the machine but ourselves.
#[cfg(target_os = "linux")]
pub(crate) fn all_others() -> impl Iterator<Item = ProcessId> {
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| i64::from(*pid) != i64::from(std::process::id()))
        .filter_map(ProcessId::of)
}

/// Likewise, where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn all_with_variable(_name: &str, _value: &str) -> Vec<ProcessId> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn all_working_in(_dir: &Path, _name: &str) -> Vec<ProcessId> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{all_with_variable, end_all_with_variable};
    use crate::{Program, SpawnOptions};
    use std::time::Duration;

    #[test]
    fn ends_children_that_left_their_session_and_deaf_ones_and_nobody_else() {
        let value = format!("{}-marked", std::process::id());
        let mut bystander = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
        let script = "setsid sleep 60 & trap '' TERM; sleep 60; sleep 60";
        let marked =
            Program::new("/bin/sh").args(["-c", script]).env("PATH", "/bin:/usr/bin").env("MARK", &value);
        let mut child = marked.spawn(SpawnOptions::default()).unwrap();
        while all_with_variable("MARK", &value).len() < 3 {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(end_all_with_variable("MARK", &value, Duration::from_millis(100)) >= 3);
        assert!(child.wait(Duration::from_secs(10)).unwrap().is_some());
        assert!(all_with_variable("MARK", &value).is_empty());
        assert!(bystander.id().is_alive());
        bystander.kill().unwrap();
    }
}
