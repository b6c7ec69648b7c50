//! Children that run beside us.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{io, process};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getppid, setsid};

use crate::error::ProcessError;
use crate::identity::ProcessId;
use crate::program::Program;
use crate::umask::give_umask;
use crate::waiting::wait_for;

/// The first number after the standard streams.
const FIRST: RawFd = 3;

/// Which process group and session a child belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Ours: the terminal's signals reach it together with us.
    Same,
    /// A group of its own in our session: it can be signalled with all that it starts.
    NewGroup,
    /// A session and group of its own, without a terminal: it outlives the one that we were started from.
    NewSession,
}

/// What one of the child's standard streams is.
#[derive(Debug)]
pub enum Stream {
    /// Nothing: reads end at once, writes vanish.
    Null,
    /// The same as ours.
    Inherit,
    /// A pipe, whose other end the [`Child`] has.
    Pipe,
    /// An open file.
    File(File),
}

impl From<Stream> for Stdio {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Null => Self::null(),
            Stream::Inherit => Self::inherit(),
            Stream::Pipe => Self::piped(),
            Stream::File(file) => Self::from(file),
        }
    }
}

/// How a child is started. By default it has its own group, dies with us, and its streams are [`Stream::Null`].
#[derive(Debug)]
pub struct SpawnOptions<'fd> {
    /// Its process group and session.
    pub group: Group,
    /// The signal that it gets when we die, however that happens. **On Linux this is tied to the thread that spawns**: the
    /// signal comes when that thread ends, so spawn from one that lives as long as the child should. Elsewhere there is no
    /// such thing and this has no effect.
    pub dies_with_parent: Option<Signal>,
    /// Standard input.
    pub stdin: Stream,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// Open files that the child keeps, under the numbers that they have here. It gets no others.
    pub inherited: Vec<BorrowedFd<'fd>>,
    /// Open files that the child gets under the numbers from 3 on, in this order. These numbers must be taken here, by
    /// anything ([`keep_low_numbers`]), or the error of a start that fails is lost.
    pub numbered: Vec<BorrowedFd<'fd>>,
}

impl Default for SpawnOptions<'_> {
    fn default() -> Self {
        Self {
            group: Group::NewGroup,
            dies_with_parent: Some(Signal::SIGKILL),
            stdin: Stream::Null,
            stdout: Stream::Null,
            stderr: Stream::Null,
            inherited: Vec::new(),
            numbered: Vec::new(),
        }
    }
}

/// A running child. Dropping it neither ends nor waits for it.
#[derive(Debug)]
pub struct Child {
    inner: process::Child,
    id: ProcessId,
    program: PathBuf,
    leads_group: bool,
}

impl Program {
    /// Starts the program and returns at once.
    pub fn spawn(&self, how: SpawnOptions<'_>) -> Result<Child, ProcessError> {
        self.spawn_with(how, close_others_on_exec)
    }

    /// The same, but what we were started with (a shell's `<(…)`, make's job server) stays open in it.
    pub(crate) fn spawn_keeping_files(&self, how: SpawnOptions<'_>) -> Result<Child, ProcessError> {
        self.spawn_with(how, || Ok(()))
    }

    fn spawn_with(
        &self,
        how: SpawnOptions<'_>,
        close: fn() -> io::Result<()>,
    ) -> Result<Child, ProcessError> {
        self.check()?;
        let SpawnOptions { group, dies_with_parent, stdin, stdout, stderr, inherited, numbered } = how;
        let mut command = self.command();
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        if group == Group::NewGroup {
            command.process_group(0);
        }
        let kept = inherited.iter().map(AsRawFd::as_raw_fd).collect();
        let numbered = numbered.iter().map(|file| (file.as_raw_fd(), FIRST)).collect();
        prepare(&mut command, group, dies_with_parent, close, Files { kept, numbered });
        self.enter_view(&mut command);
        let inner = command.spawn().map_err(|source| self.start_error(source))?;
        let id = ProcessId::of_child(inner.id());
        Ok(Child { inner, id, program: self.path().to_owned(), leads_group: group != Group::Same })
    }
}

/// The files that a child gets.
struct Files {
    kept: Vec<RawFd>,
    /// Each with the number that it has for a moment while they are renumbered.
    numbered: Vec<(RawFd, RawFd)>,
}

impl Files {
    /// Moves the numbered files out of each other's way, and then to their places.
    fn renumber(&mut self) -> io::Result<()> {
        let beyond = FIRST + RawFd::try_from(self.numbered.len()).unwrap_or(RawFd::MAX - FIRST);
        for (from, aside) in &mut self.numbered {
            // SAFETY: the caller's `BorrowedFd` lives until `spawn` returns, and this is a copy of that process.
            let fd = unsafe { BorrowedFd::borrow_raw(*from) };
            *aside = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(beyond))?;
        }
        for ((_, aside), place) in self.numbered.iter().zip(FIRST..) {
            // SAFETY: plain system call; what was at that number in this copy of the process is not used any more.
            Errno::result(unsafe { nix::libc::dup2(*aside, place) })?;
        }
        Ok(())
    }
}

/// Takes the file numbers from 3 up to `count` of them, as far as they are free, for as long as this process lives; see
/// [`SpawnOptions::numbered`].
pub fn keep_low_numbers(count: u16) -> io::Result<()> {
    loop {
        let file = File::open("/dev/null")?;
        if file.as_raw_fd() >= FIRST + RawFd::from(count) {
            return Ok(());
        }
        // It is meant to stay open.
        let _ = std::os::fd::IntoRawFd::into_raw_fd(file);
    }
}

/// The first file that we were handed by [`SpawnOptions::numbered`], which none of our own children gets unless it is handed
/// on. To be called once, first thing.
pub fn handed_file() -> io::Result<File> {
    handed_file_after(0)
}

/// The file that we were handed after so many others, as [`handed_file`].
pub fn handed_file_after(others: u16) -> io::Result<File> {
    let number = FIRST + RawFd::from(others);
    // SAFETY: asks whether the number is in use; nothing is done with the file.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(there, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, as was just seen, and nobody else in this process knows of it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(number) })
}

/// What the child does between fork and exec.
fn prepare(
    command: &mut Command,
    group: Group,
    death: Option<Signal>,
    close: fn() -> io::Result<()>,
    mut files: Files,
) {
    let parent = Pid::this();
    let child_side = move || -> io::Result<()> {
        if group == Group::NewSession {
            setsid()?;
        }
        if let Some(signal) = death {
            die_with(parent, signal)?;
        }
        give_umask();
        close()?;
        files.renumber()?;
        for fd in &files.kept {
            // SAFETY: the caller's `BorrowedFd` lives until `spawn` returns, and this is a copy of that process.
            let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(child_side) };
}

#[cfg(target_os = "linux")]
fn die_with(parent: Pid, signal: Signal) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(signal)?;
    // Had the parent died before that call, the signal would never come.
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
}

#[cfg(not(target_os = "linux"))]
fn die_with(parent: Pid, _signal: Signal) -> io::Result<()> {
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
}

/// The standard library marks what it opens, but we may have been started with more.
#[cfg(target_os = "linux")]
fn close_others_on_exec() -> io::Result<()> {
    const BEGIN: nix::libc::c_uint = 3;
    let flag = nix::libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: only marks descriptors; closes and touches nothing.
    let result =
        unsafe { nix::libc::syscall(nix::libc::SYS_close_range, BEGIN, nix::libc::c_uint::MAX, flag) };
    match Errno::result(result) {
        // Older than Linux 5.11: what the standard library does has to suffice.
        Ok(_) | Err(Errno::ENOSYS | Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the Linux twin can fail")]
fn close_others_on_exec() -> io::Result<()> {
    Ok(())
}

impl Child {
    /// Which process it is.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Our end of its standard input, if that is a pipe and has not been taken yet.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// Our end of its standard output, if that is a pipe and has not been taken yet.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout.take()
    }

    /// Our end of its standard error, if that is a pipe and has not been taken yet.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.inner.stderr.take()
    }

    /// How it ended; `None` while it runs.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.inner.try_wait().map_err(|source| self.wait_error(source))
    }

    /// Waits for its end; `None` if it still runs at the limit.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        wait_for(limit, || self.try_wait().transpose()).transpose()
    }

    /// Sends it a signal; `false` if it has ended and been waited for.
    pub fn signal(&mut self, signal: Signal) -> Result<bool, ProcessError> {
        if self.try_wait()?.is_some() {
            return Ok(false);
        }
        // Nobody has waited for it, so the number is still its own.
        match kill(Pid::from_raw(self.id.pid), signal) {
            Ok(()) => Ok(true),
            Err(errno) => Err(self.wait_error(errno.into())),
        }
    }

    /// Kills it, with its whole group if it leads one, and waits for its end.
    pub fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        let pid = Pid::from_raw(self.id.pid);
        // Errors mean that there is nothing left to kill, or show up in the wait below.
        if self.leads_group {
            let _ = killpg(pid, Signal::SIGKILL);
        }
        let _ = self.inner.kill();
        self.inner.wait().map_err(|source| self.wait_error(source))
    }

    /// Waits for its end, without a limit, and leaves its entry in the process table.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait_without_reaping(&self) -> Result<(), ProcessError> {
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        loop {
            match waitid(Id::Pid(Pid::from_raw(self.id.pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.wait_error(errno.into())),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the Linux twin can fail")]
    pub(crate) fn wait_without_reaping(&self) -> Result<(), ProcessError> {
        Ok(())
    }

    /// Waits for its end, without a limit: it is what we are there for.
    pub fn end(self) -> Result<ExitStatus, ProcessError> {
        self.reap()
    }

    /// Waits for its end, without a limit.
    pub(crate) fn reap(mut self) -> Result<ExitStatus, ProcessError> {
        self.inner.wait().map_err(|source| self.wait_error(source))
    }

    pub(crate) fn wait_error(&self, source: io::Error) -> ProcessError {
        ProcessError::Wait { program: self.program.clone(), source }
    }
}

#[cfg(test)]
mod tests;
