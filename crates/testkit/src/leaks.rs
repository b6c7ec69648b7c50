//! What a test left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_process::{ProcessId, Signal, wait_for};

/// How long processes have to end that were told to, such as the children of a postmaster that was killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long a spare may take to be made on a busy machine: nobody waits for it.
const COPYING: Duration = Duration::from_mins(1);

/// Asserts that no process works in `stage` and that `home` holds nothing but templates.
pub(crate) fn assert_none(stage: &Path, home: &Path) {
    assert_no_process(stage);
    wait_for(GRACE, || files(home).is_empty().then_some(()));
    let left = files(home);
    assert!(left.is_empty(), "files were left behind: {left:#?}");
    let sockets = PathBuf::from(format!("/tmp/backlot-{}", nix::unistd::geteuid()));
    assert!(
        !sockets.exists() || files(&sockets).is_empty(),
        "sockets were left behind in {}",
        sockets.display()
    );
}

/// Asserts that no process works in `stage`. One that is about to end gets a moment to.
pub fn assert_no_process(stage: &Path) {
    let makes_spares = || processes(stage).iter().any(|(_, command)| command.contains(" __stock "));
    wait_for(COPYING, || (!makes_spares()).then_some(()));
    wait_for(GRACE, || processes(stage).is_empty().then_some(()));
    let left = processes(stage);
    if !left.is_empty() {
        end_processes(stage);
        let left: Vec<_> =
            left.iter().map(|(process, command)| format!("{} {command}", process.pid)).collect();
        panic!("processes were left behind: {left:#?}");
    }
}

/// Kills what works in `stage`, so that a failed test does not disturb others.
pub(crate) fn end_processes(stage: &Path) {
    for (process, _) in processes(stage) {
        let _ = process.signal(Signal::SIGKILL);
    }
}

/// All that is in a home, without templates and directories that are empty.
fn files(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path() == home.join("templates")
                || entry.path() == home.join("run") && is_empty(&entry.path())
            {
                continue;
            }
            // What is installed is kept, as templates are, what was typed at psql's prompt, and who has which name.
            if ["dependencies", "psql", "door"].iter().any(|name| entry.path() == home.join(name)) {
                continue;
            }
            // Fetched servers are kept, but for half ones.
            let shelf = home.join("postgres");
            let is_half = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
            if entry.path() == shelf || folder == shelf && !is_half(&entry.file_name()) {
                if entry.path() == shelf {
                    folders.push(shelf);
                }
                continue;
            }
            // What is known of a folder of the user's stays with that, and with a checkout its ports.
            if entry.path() == home.join("folders") || entry.path() == home.join("checkouts") {
                continue;
            }
            if ["projects", "volumes"].iter().any(|name| entry.path() == home.join(name))
                && is_empty(&entry.path())
            {
                continue;
            }
            found.push(entry.path());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    found
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// The processes, other than ours, that have to do with `stage`: by their directory, command line or environment.
#[cfg(target_os = "linux")]
pub(crate) fn processes(stage: &Path) -> Vec<(ProcessId, String)> {
    let needle = stage.as_os_str().as_encoded_bytes();
    let mentions = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let others = numbers.filter(|pid| i64::from(*pid) != i64::from(std::process::id()));
    others
        .filter_map(|pid| {
            let process = ProcessId::of(pid)?;
            let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            let command = read("cmdline");
            let concerned = cwd.starts_with(stage) || mentions(&command) || mentions(&read("environ"));
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            concerned.then_some((process, command))
        })
        .collect()
}

/// There is no `/proc`: the files that a server leaves have to tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn processes(_stage: &Path) -> Vec<(ProcessId, String)> {
    Vec::new()
}
