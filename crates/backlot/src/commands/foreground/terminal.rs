//! Keys that are pressed on the terminal, one by one. Its modes are as they were whenever somebody else has it: after the end,
//! while we are suspended, and while a program of ours runs on it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backlot_process::Signal;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::raise;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp};
use signal_hook::flag;

/// More keys at once are a text that was pasted.
const MOST: usize = 3;

/// How long a line may be, in bytes.
const LONGEST: usize = 1024;
/// How long a line is waited for before signals are looked at again, in milliseconds.
const STEP: u8 = 50;

/// The terminal that is our standard input.
pub struct Terminal {
    /// How it was; none while it is so.
    before: Option<Termios>,
    /// Whether somebody has asked us to suspend.
    suspended: Arc<AtomicBool>,
    /// Whether that is to be done at once, as nothing has to be put back.
    at_once: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes the terminal for single keys. Ctrl-C and its like go on meaning what they do; what would end us without a word
    /// (Ctrl-\\) sets `interrupted` as well, so that the terminal is put back.
    pub fn take(interrupted: &Arc<AtomicBool>) -> io::Result<Self> {
        let (suspended, at_once) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let suspend = Signal::SIGTSTP as std::ffi::c_int;
        flag::register_conditional_default(suspend, Arc::clone(&at_once))?;
        flag::register(suspend, Arc::clone(&suspended))?;
        let quit = Signal::SIGQUIT as std::ffi::c_int;
        flag::register_conditional_default(quit, Arc::clone(&at_once))?;
        flag::register(quit, Arc::clone(interrupted))?;
        let mut terminal = Self { before: None, suspended, at_once };
        terminal.have()?;
        Ok(terminal)
    }

    /// The keys that were pressed meanwhile.
    pub fn keys(&mut self) -> Vec<u8> {
        if self.suspended.swap(false, Ordering::SeqCst) {
            self.give_back();
            // Whoever sends us to sleep wakes us.
            let _ = raise(Signal::SIGSTOP);
        }
        // In the background it is the shell's.
        if self.have().is_err() || self.before.is_none() {
            return Vec::new();
        }
        let stdin = io::stdin();
        let mut wait = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut wait, PollTimeout::ZERO), Ok(1..)) {
            return Vec::new();
        }
        let mut bytes = [0; 64];
        let count = read(&stdin, &mut bytes).unwrap_or_default();
        // Of the keys with names of their own, each is several bytes.
        let is_named = bytes[0] == 0x1b;
        if is_named || count > MOST { Vec::new() } else { bytes[..count].to_vec() }
    }

    /// A line that somebody types, edited as on any terminal; none when they would rather not, or `interrupted` is set.
    pub fn line(&mut self, interrupted: &AtomicBool) -> Option<String> {
        self.give_back();
        let stdin = io::stdin();
        while !interrupted.load(Ordering::SeqCst) {
            let mut wait = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut wait, STEP), Ok(1..)) {
                continue;
            }
            let mut bytes = [0; LONGEST];
            let count = read(&stdin, &mut bytes).unwrap_or_default();
            let line = String::from_utf8_lossy(&bytes[..count]).trim().to_owned();
            return (!line.is_empty()).then_some(line);
        }
        None
    }

    /// Gives it back until keys are asked for again.
    pub fn give_back(&mut self) {
        if let Some(before) = self.before.take()
            && is_ours()
        {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before);
        }
        self.at_once.store(true, Ordering::SeqCst);
    }

    /// Takes it if it is ours to take.
    fn have(&mut self) -> io::Result<()> {
        if !is_ours() {
            // The shell has put its own modes back.
            self.before = None;
            self.at_once.store(true, Ordering::SeqCst);
            return Ok(());
        }
        if self.before.is_some() {
            return Ok(());
        }
        let before = tcgetattr(io::stdin())?;
        let mut single = before.clone();
        single.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        self.at_once.store(false, Ordering::SeqCst);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &single)?;
        self.before = Some(before);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether we are in the foreground of the terminal.
fn is_ours() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}
