//! The calls of a program, as they come.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::calls::answer::answer;
use crate::calls::network::Network;

/// A thread that only waits and answers needs little.
const STACK: usize = 128 * 1024;
/// The file is to stand for a thread, not for its process (Linux 6.9: `PIDFD_THREAD`).
const OF_A_THREAD: libc::c_int = libc::O_EXCL;
/// Whoever answers runs at once on the processor of whoever has asked (Linux 6.6).
const SYNC_WAKE_UP: libc::c_int = 1;

mod calls {
    use nix::libc;
    nix::ioctl_readwrite!(receive, b'!', 0, libc::seccomp_notif);
    nix::ioctl_readwrite!(send, b'!', 1, libc::seccomp_notif_resp);
    nix::ioctl_write_ptr!(is_valid, b'!', 2, u64);
    // The flags themselves are handed over, though the number is that of a pointer to them.
    nix::ioctl_write_int_bad!(set_flags, nix::request_code_write!(b'!', 4, size_of::<u64>()));
}

/// The listener of a filter.
pub(crate) struct Listener(OwnedFd);

/// A call that waits for its answer.
pub(crate) struct Call {
    listener: Arc<Listener>,
    id: u64,
    /// The thread that has made it.
    thread: i32,
    number: libc::c_long,
    pub(crate) arguments: [u64; 6],
}

/// Answers the calls of the program that will hand its listener over `socket`, until nobody is left who could make one.
pub(crate) fn serve(socket: OwnedFd, network: Arc<Network>) -> io::Result<()> {
    let serve = move || {
        if let Ok(Some(listener)) = receive(&socket) {
            drop(socket);
            let _ = answer_all(&Arc::new(Listener(listener)), &network);
        }
    };
    thread::Builder::new().name("calls".into()).stack_size(STACK).spawn(serve).map(drop)
}

fn receive(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut text = [io::IoSliceMut::new(&mut byte)];
    let mut room = nix::cmsg_space!(RawFd);
    let message = loop {
        match recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut text, Some(&mut room), MsgFlags::MSG_CMSG_CLOEXEC)
        {
            Err(Errno::EINTR) => {}
            done => break done?,
        }
    };
    let file = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just opened it for us.
    Ok(file.map(|file| unsafe { OwnedFd::from_raw_fd(file) }))
}

fn answer_all(listener: &Arc<Listener>, network: &Arc<Network>) -> nix::Result<()> {
    let file = listener.0.as_raw_fd();
    // SAFETY: sets a flag of our own listener; older systems refuse, and are slower.
    let _ = unsafe { calls::set_flags(file, SYNC_WAKE_UP) };
    loop {
        let mut waiting = [PollFd::new(listener.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            done => done?,
        };
        let seen = waiting[0].revents().unwrap_or(PollFlags::empty());
        if !seen.contains(PollFlags::POLLIN) {
            // Nobody is left.
            return Ok(());
        }
        // SAFETY: all zero is how the kernel wants to have it, and it lives through the call.
        let mut told: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        match unsafe { calls::receive(file, &raw mut told) } {
            Ok(_) => {}
            // Whoever has asked was interrupted, or is gone.
            Err(Errno::EINTR | Errno::ENOENT) => continue,
            Err(errno) => return Err(errno),
        }
        let call = Call {
            listener: Arc::clone(listener),
            id: told.id,
            thread: told.pid.cast_signed(),
            number: told.data.nr.into(),
            arguments: told.data.args,
        };
        answer(call, network);
    }
}

impl Call {
    /// Which one it is.
    pub(crate) fn number(&self) -> libc::c_long {
        self.number
    }

    /// The argument that is a number of a file, a length or a flag.
    pub(crate) fn int(&self, index: usize) -> i32 {
        let [one, two, three, four, ..] = self.arguments[index].to_le_bytes();
        // The upper half is not the kernel's business either.
        i32::from_le_bytes([one, two, three, four])
    }

    /// What the program has in its memory; less, where that ends.
    pub(crate) fn read(&self, from: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        let base = usize::try_from(from).ok()?;
        let remote = [RemoteIoVec { base, len: length }];
        let mut local = [io::IoSliceMut::new(&mut bytes)];
        let read = process_vm_readv(Pid::from_raw(self.thread), &mut local, &remote).ok()?;
        bytes.truncate(read);
        Some(bytes)
    }

    /// Writes into the program's memory; whether all of it could be.
    pub(crate) fn write(&self, to: u64, bytes: &[u8]) -> bool {
        let Ok(base) = usize::try_from(to) else { return false };
        let remote = [RemoteIoVec { base, len: bytes.len() }];
        let local = [io::IoSlice::new(bytes)];
        let written = nix::sys::uio::process_vm_writev(Pid::from_raw(self.thread), &local, &remote);
        written == Ok(bytes.len())
    }

    /// The very socket that the program has under that number; none where it is gone or shut to us.
    pub(crate) fn socket(&self, number: i32) -> Option<OwnedFd> {
        let process = pidfd_open(self.thread, OF_A_THREAD).or_else(|_| pidfd_open(self.thread, 0));
        let process = match process {
            Ok(process) => process,
            // An older system; and it is not the first thread of its process.
            Err(_) => pidfd_open(process_of(self.thread)?, 0).ok()?,
        };
        let socket = get_file(&process, number).ok()?;
        // Had it gone meanwhile, its number could be another's by now.
        self.is_wanted().then_some(socket)
    }

    /// Whether somebody still waits for the answer.
    pub(crate) fn is_wanted(&self) -> bool {
        // SAFETY: the number lives through the call, which only reads it.
        unsafe { calls::is_valid(self.listener.0.as_raw_fd(), &raw const self.id) }.is_ok()
    }

    /// The call has had this outcome.
    pub(crate) fn done(&self, outcome: nix::Result<i64>) {
        let (val, error) = match outcome {
            Ok(value) => (value, 0),
            Err(errno) => (0, -(errno as i32)),
        };
        self.reply(libc::seccomp_notif_resp { id: self.id, val, error, flags: 0 });
    }

    /// The kernel is to carry it out as it is.
    pub(crate) fn as_it_is(&self) {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or_default();
        self.reply(libc::seccomp_notif_resp { id: self.id, val: 0, error: 0, flags });
    }

    fn reply(&self, mut answer: libc::seccomp_notif_resp) {
        // Whoever has asked may be gone.
        // SAFETY: the answer lives through the call.
        let _ = unsafe { calls::send(self.listener.0.as_raw_fd(), &raw mut answer) };
    }
}

fn process_of(thread: i32) -> Option<i32> {
    let status = fs::read(format!("/proc/{thread}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

fn pidfd_open(pid: i32, flags: libc::c_int) -> nix::Result<OwnedFd> {
    // SAFETY: a plain system call; what it returns is a file of ours.
    let file = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })?;
    owned(file)
}

fn get_file(process: &OwnedFd, number: i32) -> nix::Result<OwnedFd> {
    // SAFETY: as above.
    let file =
        Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })?;
    owned(file)
}

fn owned(file: libc::c_long) -> nix::Result<OwnedFd> {
    let file = RawFd::try_from(file).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}
