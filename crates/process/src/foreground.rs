//! Programs that have the terminal, and us.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::error::ProcessError;
use crate::program::Program;
use crate::spawn::{Child, Group, SpawnOptions, Stream};
use crate::umask::give_umask;

/// The child that has the terminal: its number, or 0.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// A signal that came before the child was there to take it, or 0.
static EARLY: AtomicI32 = AtomicI32::new(0);
/// The last signal that came while the child had the terminal, whoever sent it, or 0.
static SEEN: AtomicI32 = AtomicI32::new(0);
/// The last of them that the child has not got, as a process has sent it to us alone, or 0.
static OURS: AtomicI32 = AtomicI32::new(0);
/// How many have come.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// Signals go to one child, so there is one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const FORWARDED: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// How long what a program has printed may take to arrive when it has ended: others may have its end of the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often whoever minds a client is told of signals.
const MIND_EVERY: Duration = Duration::from_millis(50);
/// The most that is kept of what a program prints, in bytes.
const MOST_KEPT: usize = 1 << 20;

/// Where a program in the foreground prints its data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stdout {
    /// To our standard output.
    #[default]
    Ours,
    /// To our standard error, because our standard output is for something else.
    OurStderr,
}

/// The end of a program that had the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Whether somebody asked it or us to stop meanwhile (Ctrl-C, SIGTERM, SIGHUP, SIGQUIT).
    pub interrupted: bool,
}

/// The signals that have come while a client had the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// How many.
    pub count: u32,
    /// The last one.
    pub last: Signal,
    /// Whether that one came to us alone: the terminal's reach the client anyway.
    pub is_ours: bool,
}

impl Program {
    /// Runs the program on our terminal, in our group, and waits for its end, without a limit.
    ///
    /// Until then SIGINT, SIGTERM, SIGHUP and SIGQUIT do not end us: those of the terminal reach the program anyway, those
    /// sent to us alone are passed on; what was ignored (`nohup`) stays ignored, by both. Open files that we were started
    /// with stay open in it, as in a shell. If we are killed, it gets SIGTERM (Linux). One at a time: a second call waits
    /// for the first.
    ///
    /// `asked_to_stop` is set by the caller's own handlers. If it is set already, nothing is started: so no signal is lost
    /// between the caller's last look at it and this call.
    ///
    /// # Errors
    /// [`ProcessError::AskedToStop`], or that the program cannot be started.
    pub fn run(&self, stdout: Stdout, asked_to_stop: &AtomicBool) -> Result<Ended, ProcessError> {
        let stdout = match stdout {
            Stdout::Ours => Stream::Inherit,
            Stdout::OurStderr => Stream::File(our_stderr(self)?),
        };
        self.run_to(stdout, asked_to_stop)
    }

    /// The same, with what it prints handed to `keep` on its way to where it goes; what runs on behind it prints there no more.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_kept(
        &self,
        stdout: Stdout,
        asked_to_stop: &AtomicBool,
        keep: &mut Vec<u8>,
    ) -> Result<Ended, ProcessError> {
        let failed = |source| ProcessError::Start { program: self.path().to_owned(), source };
        let (mut from, to) = std::io::pipe().map_err(failed)?;
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (of_reader, (ended, end)) = (Arc::clone(&kept), mpsc::channel());
        let copy = move || {
            let mut piece = [0; 8192];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                let mut kept = of_reader.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_KEPT.saturating_sub(kept.len());
                kept.extend_from_slice(&piece[..count.min(room)]);
                drop(kept);
                // Whoever reads us may have gone.
                let _ = match stdout {
                    Stdout::Ours => {
                        std::io::stdout().write_all(&piece[..count]).and_then(|()| std::io::stdout().flush())
                    }
                    Stdout::OurStderr => std::io::stderr().write_all(&piece[..count]),
                };
            }
            let _ = ended.send(());
        };
        std::thread::Builder::new().name("printed".into()).spawn(copy).map_err(failed)?;
        let outcome = self.run_to(Stream::File(File::from(OwnedFd::from(to))), asked_to_stop);
        let _ = end.recv_timeout(LAST_WORDS);
        keep.append(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
        outcome
    }

    /// Runs the client of what runs elsewhere, as [`Program::run`] does; but signals that are sent to us alone are not passed on. Every
    /// now and then `mind` is told of those that have come, and returns one that the client is to get.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_minded(
        &self,
        asked_to_stop: &AtomicBool,
        mind: &mut dyn FnMut(Signals) -> Option<Signal>,
    ) -> Result<Ended, ProcessError> {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let _handlers = Handlers::install(note);
        let mut child = self.start(Stream::Inherit, asked_to_stop)?;
        loop {
            if let Some(status) = child.wait(MIND_EVERY)? {
                return Ok(Ended { status, interrupted: COUNT.load(Ordering::SeqCst) != 0 });
            }
            let Ok(last) = Signal::try_from(SEEN.load(Ordering::SeqCst)) else { continue };
            let is_ours = OURS.load(Ordering::SeqCst) == last as libc::c_int;
            if let Some(signal) = mind(Signals { count: COUNT.load(Ordering::SeqCst), last, is_ours }) {
                child.signal(signal)?;
            }
        }
    }

    /// Starts it with our terminal, unless we are asked to stop.
    fn start(&self, stdout: Stream, asked_to_stop: &AtomicBool) -> Result<Child, ProcessError> {
        if asked_to_stop.load(Ordering::SeqCst) {
            return Err(ProcessError::AskedToStop { program: self.path().to_owned() });
        }
        self.spawn_keeping_files(SpawnOptions {
            group: Group::Same,
            dies_with_parent: Some(Signal::SIGTERM),
            stdin: Stream::Inherit,
            stdout,
            stderr: Stream::Inherit,
            inherited: Vec::new(),
            numbered: Vec::new(),
        })
    }

    fn run_to(&self, stdout: Stream, asked_to_stop: &AtomicBool) -> Result<Ended, ProcessError> {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let _handlers = Handlers::install(forward);
        let mut child = self.start(stdout, asked_to_stop)?;
        CHILD.store(child.id().pid, Ordering::SeqCst);
        if let Ok(signal) = Signal::try_from(EARLY.swap(0, Ordering::SeqCst)) {
            child.signal(signal)?;
        }
        let ended = child.wait_without_reaping();
        // Only now may the number be given to another process.
        CHILD.store(0, Ordering::SeqCst);
        let status = ended.and_then(|()| child.reap())?;
        Ok(Ended { status, interrupted: SEEN.load(Ordering::SeqCst) != 0 })
    }

    /// Becomes the program. Returns only if that fails; then this process may be in the program's view already.
    pub fn exec(&self) -> ProcessError {
        if let Err(error) = self.check() {
            return error;
        }
        // If it fails we end, too.
        give_umask();
        let mut command = self.command();
        self.enter_view(&mut command);
        self.start_error(command.exec())
    }
}

fn our_stderr(program: &Program) -> Result<File, ProcessError> {
    let copy = std::io::stderr().as_fd().try_clone_to_owned();
    copy.map(File::from).map_err(|source| ProcessError::Start { program: program.path().to_owned(), source })
}

/// Our handlers while they are in place; dropped, the earlier ones are back.
struct Handlers(Vec<(Signal, SigAction)>);

/// What handles a signal.
type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

impl Handlers {
    /// Has `handler` take all signals from now on; none has come yet.
    fn install(handler: Handler) -> Self {
        for number in [&EARLY, &SEEN, &OURS] {
            number.store(0, Ordering::SeqCst);
        }
        COUNT.store(0, Ordering::SeqCst);
        let action = SigAction::new(SigHandler::SigAction(handler), SaFlags::SA_SIGINFO, SigSet::empty());
        let replace = |signal| {
            if is_ignored(signal) {
                return None;
            }
            // SAFETY: the handlers only use atomics and call `kill`, which a handler may do.
            let earlier = unsafe { sigaction(signal, &action) }.ok()?;
            Some((signal, earlier))
        };
        Self(FORWARDED.into_iter().filter_map(replace).collect())
    }
}

impl Drop for Handlers {
    fn drop(&mut self) {
        for (signal, earlier) in &self.0 {
            // SAFETY: this puts back what was there.
            let _ = unsafe { sigaction(*signal, earlier) };
        }
    }
}

/// Whether we were started with this signal ignored (`nohup`, a shell's `&`): then it is not ours to handle, and programs
/// that we run ignore it as well.
pub fn is_ignored(signal: Signal) -> bool {
    // SAFETY: all zeroes is a valid `sigaction`, which consists of numbers and an optional function.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action this only writes the present one, to memory that lives through the call.
    let asked = unsafe { libc::sigaction(signal as libc::c_int, std::ptr::null(), &raw mut now) };
    asked == 0 && now.sa_sigaction == libc::SIG_IGN
}

/// Passes a signal on to the child, unless the terminal has sent it, which sends to the whole group. Two exceptions: before
/// the child is there nobody but us has got it; and when a terminal goes away, only the leader of its session is told.
extern "C" fn forward(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    SEEN.store(signal, Ordering::SeqCst);
    // SAFETY: the system passes a valid pointer to handlers with SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    let child = CHILD.load(Ordering::SeqCst);
    if child == 0 {
        EARLY.store(signal, Ordering::SeqCst);
        return;
    }
    if !is_from_a_process(code) && signal != libc::SIGHUP {
        return;
    }
    let errno = nix::errno::Errno::last_raw();
    // SAFETY: plain system call; the child has not been waited for while `CHILD` holds its number.
    unsafe { libc::kill(child, signal) };
    nix::errno::Errno::set_raw(errno);
}

/// Notes a signal, and whether the terminal has sent it, which sends to the whole group; but when a terminal goes away, only the leader of
/// its session is told.
extern "C" fn note(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the system passes a valid pointer to handlers with SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    if is_from_a_process(code) || signal == libc::SIGHUP {
        OURS.store(signal, Ordering::SeqCst);
    }
    SEEN.store(signal, Ordering::SeqCst);
    COUNT.fetch_add(1, Ordering::SeqCst);
}

#[cfg(target_os = "linux")]
fn is_from_a_process(code: libc::c_int) -> bool {
    code <= libc::SI_USER
}

/// The terminal's signals cannot be told apart everywhere; to pass one on twice does less harm than not at all.
#[cfg(not(target_os = "linux"))]
fn is_from_a_process(_code: libc::c_int) -> bool {
    true
}
