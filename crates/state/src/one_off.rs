//! A container that runs one command, and goes with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backlot_process::{ProcessError, Program, Signal, Signals, exit_code};

/// How long the engine may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How often it is asked whether the container is there.
const STEP: Duration = Duration::from_millis(200);

/// A container by the name that it is to have, and how its client ends it.
#[derive(Debug, Clone)]
pub struct OneOff {
    /// The program that the engine's commands begin with.
    pub engine: Program,
    /// The container's name.
    pub name: String,
    /// The words that remove one.
    pub remove: Vec<String>,
    /// How long it may take to end when it is asked to.
    pub grace: Duration,
}

/// What was asked of the container, and when first.
struct Asked {
    first: Signal,
    since: Instant,
    /// How many signals have come.
    count: u32,
    is_killed: bool,
}

impl OneOff {
    /// Runs the client on our terminal to its end. A signal that is sent to us is the container's; after a second one, or its grace, it
    /// is killed. When this returns there is no container any more. Returns the exit code: that of the command, or of the first
    /// signal where it had to be killed.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run(&self, client: &Program, asked_to_stop: &AtomicBool) -> Result<u8, ProcessError> {
        let mut asked: Option<Asked> = None;
        let ended = client.run_minded(asked_to_stop, &mut |signals| self.mind(&mut asked, signals))?;
        let code = exit_code(ended.status);
        let Some(mut asked) = asked else { return Ok(code) };
        // The client may be gone without it.
        while self.is_there() && !asked.is_killed {
            if asked.since.elapsed() > self.grace || asked_to_stop.load(Ordering::SeqCst) {
                self.kill(&mut asked);
            } else {
                thread::sleep(STEP);
            }
        }
        self.tell(&self.remove);
        // A client that was told something itself ends of that, and not of what its command says.
        let code =
            if asked.is_killed { 128 + u8::try_from(asked.first as i32).unwrap_or_default() } else { code };
        Ok(code)
    }

    /// Does with the container what the signals ask for; returns what its client is to do.
    fn mind(&self, asked: &mut Option<Asked>, signals: Signals) -> Option<Signal> {
        let Some(asked) = asked else {
            let (first, since) = (signals.last, Instant::now());
            *asked = Some(Asked { first, since, count: signals.count, is_killed: false });
            if signals.count > 1 {
                return None;
            }
            let signal = first.to_string();
            let is_told = !signals.is_ours || self.tell(&["kill".into(), "--signal".into(), signal]);
            // There is no container yet: its client is to make none.
            return (!is_told).then_some(first);
        };
        let is_over = asked.since.elapsed() > self.grace || signals.count > asked.count;
        if is_over && !asked.is_killed {
            self.kill(asked);
        }
        None
    }

    fn kill(&self, asked: &mut Asked) {
        asked.is_killed = true;
        self.tell(&["kill".into()]);
    }

    fn is_there(&self) -> bool {
        self.tell(&["inspect".into(), "--format".into(), "{{.Id}}".into()])
    }

    /// Whether the engine does what these words say with the container.
    fn tell(&self, words: &[String]) -> bool {
        let told = self.engine.clone().args(words.iter().cloned()).arg(&self.name).output(ANSWER_LIMIT);
        told.is_ok_and(|output| output.status.success())
    }
}
