//! Waiting for ends, on threads that do nothing else.

use crate::identity::ProcessId;

/// Waits without a limit until a child of ours has ended, and leaves its entry in the process table, so that its number is
/// not given to another process before it is waited for.
#[cfg(target_os = "linux")]
pub fn wait_for_child(child: ProcessId) {
    use nix::errno::Errno;
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    use nix::unistd::Pid;

    let wait = || waitid(Id::Pid(Pid::from_raw(child.pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    while wait() == Err(Errno::EINTR) {}
}

/// There is no `waitid` that leaves the entry in the bindings for these systems.
#[cfg(not(target_os = "linux"))]
pub fn wait_for_child(child: ProcessId) {
    wait_by_looking(child);
}

/// Waits without a limit until a process, which need not be a child of ours, has ended.
#[cfg(target_os = "linux")]
pub fn wait_for_end(process: ProcessId) {
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};

    use nix::errno::Errno;
    use nix::libc;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    // SAFETY: a plain system call without pointers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, process.pid, 0) };
    let Ok(Ok(number)) = Errno::result(opened).map(i32::try_from) else { return wait_by_looking(process) };
    // SAFETY: the kernel has just given us this descriptor.
    let file = unsafe { OwnedFd::from_raw_fd(number) };
    // Before this look, the number may have been given to another process; after it, the file is of the right one.
    if !process.is_alive() {
        return;
    }
    let mut files = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    while poll(&mut files, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// Likewise, where there is no file for a process.
#[cfg(not(target_os = "linux"))]
pub fn wait_for_end(process: ProcessId) {
    wait_by_looking(process);
}

fn wait_by_looking(process: ProcessId) {
    while process.is_alive() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
