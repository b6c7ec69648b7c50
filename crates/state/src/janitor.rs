//! The janitor: a small process that holds the read end of a pipe whose write end only we hold. When the pipe ends and
//! nothing was said, we were killed: then it takes down what was ours.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use backlot_process::{Child, Group, SpawnOptions, Stream};

use crate::error::EngineError;
use crate::ourselves::{JANITOR_VERB, ourselves};
use crate::runs::new_mark;
use crate::site::Site;

/// How long the janitor has to go when it is told to.
const GRACE: Duration = Duration::from_millis(500);
/// Said to the janitor when there is nothing left for it to do.
pub const DONE: &[u8] = b"done";

/// A process that takes an environment down when we are gone, however that happens, unless it is dismissed.
#[derive(Debug)]
pub struct Watcher(Child);

impl Watcher {
    /// Tells it that there is nothing to do for it any more.
    pub fn dismiss(self) {
        dismiss(self.0);
    }
}

/// Has a process of its own watch over us, for the sake of the environment at `site`.
pub fn watch_over(site: &Site, caller: &BTreeMap<String, String>) -> Result<Watcher, EngineError> {
    hire(site, caller, &new_mark()).map(Watcher)
}

/// Starts a janitor for the environment at `site`; processes with `mark` end with it.
pub fn hire(site: &Site, caller: &BTreeMap<String, String>, mark: &str) -> Result<Child, EngineError> {
    // It may have to call Docker.
    let program = ourselves()?.envs(caller);
    let program = program.arg(JANITOR_VERB).arg(site.home().root()).arg(site.dir()).arg(mark);
    let (group, stdin) = (Group::NewSession, Stream::Pipe);
    Ok(program.spawn(SpawnOptions { group, stdin, dies_with_parent: None, ..SpawnOptions::default() })?)
}

/// Tells a janitor that there is nothing left for it to do.
pub fn dismiss(mut janitor: Child) {
    // A janitor that cannot hear us sees the pipe end, and finds nothing to do.
    if let Some(mut stdin) = janitor.take_stdin() {
        let _ = stdin.write_all(DONE);
    }
    if !matches!(janitor.wait(GRACE), Ok(Some(_))) {
        // One that somebody has halted hears nothing, and has nothing to do either.
        let _ = janitor.kill();
    }
}
