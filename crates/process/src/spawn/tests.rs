use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use super::{Group, SpawnOptions, Stream};
use crate::{ProcessError, ProcessId, Program, Signal};

const LIMIT: Duration = Duration::from_secs(20);

/// Which of `paths` a process has open. Its dynamic linker may be opening and closing others meanwhile.
#[cfg(target_os = "linux")]
fn open_among<'p>(id: ProcessId, paths: &[&'p str]) -> Vec<&'p str> {
    let entries = fs::read_dir(format!("/proc/{}/fd", id.pid)).unwrap();
    let open: Vec<_> = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    paths.iter().copied().filter(|path| open.iter().any(|file| file.as_path() == Path::new(path))).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_keeps_the_files_it_was_handed_and_no_others() {
    let paths = ["/etc/passwd", "/etc/group"];
    let [kept, other] = paths.map(|path| File::open(path).unwrap());
    // As if we had been started with it.
    nix::fcntl::fcntl(&other, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let options = SpawnOptions { inherited: vec![kept.as_fd()], ..SpawnOptions::default() };
    let mut child = Program::new("/bin/sleep").arg("60").spawn(options).unwrap();
    assert_eq!(open_among(child.id(), &paths), paths[..1]);
    child.kill().unwrap();
}

#[test]
fn a_child_gets_the_group_and_session_that_was_asked_for() {
    use nix::unistd::{Pid, getpgid, getpgrp, getsid};
    for (group, own_group, own_session) in
        [(Group::Same, false, false), (Group::NewGroup, true, false), (Group::NewSession, true, true)]
    {
        let options = SpawnOptions { group, ..SpawnOptions::default() };
        let mut child = Program::new("/bin/sleep").arg("60").spawn(options).unwrap();
        let pid = Pid::from_raw(child.id().pid);
        assert_eq!(getpgid(Some(pid)).unwrap(), if own_group { pid } else { getpgrp() }, "{group:?}");
        assert_eq!(getsid(Some(pid)).unwrap() == pid, own_session, "{group:?}");
        child.kill().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_dies_with_the_thread_that_started_it() {
    let [bound, free] = [Some(Signal::SIGTERM), None].map(|dies_with_parent| {
        let options = SpawnOptions { dies_with_parent, ..SpawnOptions::default() };
        let spawn = move || Program::new("/bin/sleep").arg("60").spawn(options).unwrap();
        std::thread::spawn(spawn).join().unwrap()
    });
    assert!(bound.id().wait_gone(LIMIT));
    assert!(free.id().is_alive());
    for mut child in [bound, free] {
        child.kill().unwrap();
    }
}

#[test]
fn streams_can_be_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let (stdout, stderr) = (File::create(&path).unwrap(), File::create(dir.path().join("err")).unwrap());
    let options = SpawnOptions {
        stdout: Stream::File(stdout),
        stderr: Stream::File(stderr),
        ..SpawnOptions::default()
    };
    let mut child = Program::new("/bin/echo").arg("hello").spawn(options).unwrap();
    assert!(child.wait(LIMIT).unwrap().unwrap().success());
    assert_eq!(fs::read_to_string(path).unwrap(), "hello\n");
}

#[test]
fn waiting_has_a_limit_and_a_signal_ends_it() {
    let mut child = Program::new("/bin/sleep").arg("60").spawn(SpawnOptions::default()).unwrap();
    assert_eq!(child.wait(Duration::from_millis(5)).unwrap(), None);
    assert!(child.signal(Signal::SIGTERM).unwrap());
    let status = child.wait(LIMIT).unwrap().unwrap();
    assert_eq!(crate::exit_code(status), 128 + 15);
    assert!(!child.signal(Signal::SIGTERM).unwrap());
}

#[test]
fn a_directory_is_no_program() {
    let error = Program::new("/tmp").spawn(SpawnOptions::default()).unwrap_err();
    assert!(matches!(error, ProcessError::Start { .. }), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn numbered_files_come_from_three_on_even_when_they_change_places() {
    super::keep_low_numbers(8).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| dir.path().join(name));
    let [a, b] = paths.each_ref().map(|path| File::create(path).unwrap());
    let options = SpawnOptions { numbered: vec![b.as_fd(), a.as_fd()], ..SpawnOptions::default() };
    let mut child = Program::new("/bin/sh").args(["-c", "echo b >&3; echo a >&4"]).spawn(options).unwrap();
    assert!(child.wait(LIMIT).unwrap().unwrap().success());
    assert_eq!(paths.map(|path| fs::read_to_string(path).unwrap()), ["a\n", "b\n"]);
    let options = SpawnOptions { numbered: vec![a.as_fd()], ..SpawnOptions::default() };
    let missing = Program::new("/no/such/program").spawn(options);
    assert!(matches!(missing, Err(ProcessError::Start { .. })), "{missing:?}");
}
