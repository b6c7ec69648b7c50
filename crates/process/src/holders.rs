//! Processes that are known by a file which they inherited open, such as a lock.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::identity::ProcessId;

/// Kills all processes that have `file` open for writing, ourselves excepted, and returns how many there were. Who only
/// reads it, such as somebody who looks whether it is locked, is left alone. Where the system does not tell what processes
/// have open (no `/proc`), there are none.
pub fn kill_all_holding(file: &Path) -> usize {
    let holders = all_holding(file);
    for process in &holders {
        // One that is gone or not ours to signal is not ours to end either.
        let _ = process.signal(Signal::SIGKILL);
    }
    holders.len()
}

/// The processes that have `file` open for writing, ourselves excepted.
pub fn processes_holding(file: &Path) -> Vec<ProcessId> {
    all_holding(file)
}

#[cfg(target_os = "linux")]
fn all_holding(file: &Path) -> Vec<ProcessId> {
    let Ok(file) = file.canonicalize() else { return Vec::new() };
    crate::marked::all_others().filter(|process| has_open_for_writing(process.pid, &file)).collect()
}

#[cfg(target_os = "linux")]
fn has_open_for_writing(pid: i32, file: &Path) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors
        .filter(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|path| path == file))
        .filter_map(|descriptor| descriptor.file_name().into_string().ok())
        .any(|number| is_writable(pid, &number))
}

/// The flags of an open file are in octal, those of `open(2)`; the last two bits are the access mode.
#[cfg(target_os = "linux")]
fn is_writable(pid: i32, descriptor: &str) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & 0o3 != 0)
}

#[cfg(not(target_os = "linux"))]
fn all_holding(_file: &Path) -> Vec<ProcessId> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::kill_all_holding;
    use crate::{Program, SpawnOptions};

    #[test]
    fn kills_who_inherited_the_file_and_not_who_looks_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "").unwrap();
        let written = File::options().write(true).open(&path).unwrap();
        let read = File::open(&path).unwrap();
        let start = |file: &File| {
            let inherited = vec![file.as_fd()];
            let options = SpawnOptions { inherited, ..SpawnOptions::default() };
            Program::new("/bin/sleep").arg("60").spawn(options).unwrap()
        };
        let (mut holder, mut reader) = (start(&written), start(&read));

        assert_eq!(kill_all_holding(&path), 1);
        assert!(holder.wait(Duration::from_secs(10)).unwrap().is_some());
        assert!(reader.id().is_alive());
        assert_eq!(kill_all_holding(&path), 0);
        reader.kill().unwrap();
    }
}
