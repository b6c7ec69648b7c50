//! The janitor: a small process that holds the read end of a pipe whose write end only we hold. When the pipe ends and
//! nothing was said, we were killed: then it takes down what was ours.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use backlot_process::{Child, Group, SpawnOptions, Stream};

use crate::error::EngineError;
use crate::home::Home;
use crate::native::mark;
use crate::native::ourselves;
use crate::site::Site;
use crate::testing::{down, new_mark};

/// The hidden verb under which our program is the janitor.
pub const JANITOR_VERB: &str = "__janitor";
/// How long the janitor has to go when it is told to.
const GRACE: Duration = Duration::from_millis(500);
/// Said to the janitor when there is nothing left for it to do.
const DONE: &[u8] = b"done";

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
///
/// # Errors
/// When it cannot be started.
pub(crate) fn watch_over(site: &Site, caller: &BTreeMap<String, String>) -> Result<Watcher, EngineError> {
    hire(site, caller, &new_mark()).map(Watcher)
}

/// Starts a janitor for the environment at `site`; processes with `mark` end with it.
pub(crate) fn hire(site: &Site, caller: &BTreeMap<String, String>, mark: &str) -> Result<Child, EngineError> {
    // It may have to call Docker.
    let program = ourselves()?.envs(caller);
    let program = program.arg(JANITOR_VERB).arg(site.home().root()).arg(site.dir()).arg(mark);
    let (group, stdin) = (Group::NewSession, Stream::Pipe);
    Ok(program.spawn(SpawnOptions { group, stdin, dies_with_parent: None, ..SpawnOptions::default() })?)
}

/// Tells a janitor that there is nothing left for it to do.
pub(crate) fn dismiss(mut janitor: Child) {
    // A janitor that cannot hear us sees the pipe end, and finds nothing to do.
    if let Some(mut stdin) = janitor.take_stdin() {
        let _ = stdin.write_all(DONE);
    }
    if !matches!(janitor.wait(GRACE), Ok(Some(_))) {
        // One that somebody has halted hears nothing, and has nothing to do either.
        let _ = janitor.kill();
    }
}

/// What the janitor does: waits until the run that it belongs to is over, and tidies up when it was killed.
///
/// # Errors
/// When something cannot be removed; nobody is there to be told.
pub fn tidy_up_after(
    home: &Home,
    site_dir: &Path,
    mark: &str,
    caller: &BTreeMap<String, String>,
    stdin: &mut impl Read,
) -> Result<(), EngineError> {
    let mut said = Vec::new();
    let _ = stdin.read_to_end(&mut said);
    if said == DONE {
        return Ok(());
    }
    mark::end_all(mark);
    down(&Site::at(home, site_dir), caller, &mut |_| {})
}
