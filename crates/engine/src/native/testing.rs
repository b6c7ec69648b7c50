//! A database for one run of the tests, of which nothing is left, however the run ends.
//!
//! Two processes of our own program outlive each other: the *outer* one, which the user has started, runs the *inner* one,
//! which does the work. Both are subreapers: what a test starts and forgets, in whatever session and environment, is
//! handed to the inner one and ends with the run ([`TestRun::finish`]); should that be killed, it is handed to the outer
//! one, which does the rest ([`finish_for`]). Should the outer one be killed, the inner one is told.
//!
//! Should both be killed at once, there is the janitor: a small process that holds the read end of a pipe whose write
//! end only the inner one holds. When the pipe ends, it does what `finish` would have done, as far as it finds things.

use std::io::{Read, Write};
use std::time::Duration;

use backlot_plan::{Observed, Step};
use backlot_process::{Child, Group, SpawnOptions, Stream, become_subreaper, kill_descendants};

use crate::error::EngineError;
use crate::event::{Event, Report};
use crate::home::{Home, short_hash};
use crate::native::down::{down, take_down};
use crate::native::mark;
use crate::native::stock::ourselves;
use crate::native::{Ground, Native, Up};
use crate::record::DatabaseRecord;
use crate::site::Site;

/// The hidden verb under which our program is the janitor.
pub const JANITOR_VERB: &str = "__janitor";
/// How long what is killed may take to die.
const KILL_LIMIT: Duration = Duration::from_secs(2);
/// How long the janitor has to go when it is told to.
const GRACE: Duration = Duration::from_millis(500);
/// Said to the janitor when there is nothing left for it to do.
const DONE: &[u8] = b"done";

/// A run of the tests, with its database up.
#[derive(Debug)]
pub struct TestRun<'a> {
    native: Native<'a>,
    up: Up,
    mark: String,
    janitor: Option<Child>,
}

impl<'a> TestRun<'a> {
    /// Brings up a database for this run alone; with `keep` one that stays, in the place of an earlier kept one. `mark` is
    /// a name of the run that no other has, see [`new_mark`].
    ///
    /// # Errors
    /// When the database cannot be brought up.
    pub fn start(
        native: Native<'a>,
        keep: bool,
        mark: String,
        report: Report<'_>,
    ) -> Result<Self, EngineError> {
        let native = native.as_throwaway();
        if let Err(error) = sweep(native.ground, native.environment.name.as_str()) {
            // That an earlier run cannot be tidied up after need not keep anybody from testing.
            report(Event::Warning(format!(
                "could not remove what an earlier run of the tests left: {error}"
            )));
        }
        if keep {
            let up = native.up(true, report)?;
            return Ok(Self { native, up, mark, janitor: None });
        }
        become_subreaper();
        let name = place_name(native.environment.name.as_str(), &mark);
        let mut native = native.named(&name);
        native.dies_with_us = true;
        let janitor = hire_janitor(native.ground.home, &native.site, &mark)?;
        match native.up(false, report) {
            Ok(up) => Ok(Self { native, up, mark, janitor: Some(janitor) }),
            Err(error) => {
                dismiss(janitor);
                Err(error)
            }
        }
    }

    /// What [`TestRun::start`] and [`TestRun::finish`] would do, with `runner` between them.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn plan(native: Native<'a>, keep: bool, runner: &str) -> Result<Vec<String>, EngineError> {
        let native = native.as_throwaway();
        let (begin, end) = if keep {
            (native.plan_up(true)?, Vec::new())
        } else {
            let begin = backlot_plan::up(&native.desired(), &Observed::ABSENT, false);
            (begin, vec![Step::StopServer, Step::RemoveFiles])
        };
        let runner = std::iter::once(runner.to_owned());
        Ok(begin.iter().map(Step::to_string).chain(runner).chain(end.iter().map(Step::to_string)).collect())
    }

    /// The database of this run.
    pub fn database(&self) -> &DatabaseRecord {
        &self.up.database
    }

    /// A directory that goes with the run.
    pub fn scratch(&self) -> std::path::PathBuf {
        self.native.site.live()
    }

    /// The variables of the runner.
    pub fn variables(&self) -> std::collections::BTreeMap<String, String> {
        let mut variables = self.native.process_variables(&self.up.database);
        variables.insert(mark::VARIABLE.into(), self.mark.clone());
        variables
    }

    /// Ends what the runner left behind and, unless the database is to be kept, takes it away.
    ///
    /// # Errors
    /// When the database cannot be taken away.
    pub fn finish(self, report: Report<'_>) -> Result<(), EngineError> {
        mark::end_all(&self.mark);
        let Some(janitor) = self.janitor else { return Ok(()) };
        let ours = [self.up.database.process.pid, janitor.id().pid];
        let spared: Vec<i32> = ours.into_iter().chain(self.up.stock).collect();
        kill_descendants(&spared, KILL_LIMIT);
        let outcome = down(&self.native.site, false, report);
        dismiss(janitor);
        outcome.map(|_| ())
    }
}

/// A name that no other run has.
pub fn new_mark() -> String {
    let unique = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    short_hash(unique.as_bytes())
}

/// The name on disk of a run's environment.
fn place_name(environment: &str, mark: &str) -> String {
    format!("{environment}.{mark}")
}

/// What the outer process does when the inner one was killed: ends all that was handed to it, and takes the run's database
/// away.
///
/// # Errors
/// When something cannot be removed.
pub fn finish_for(ground: Ground<'_>, environment: &str, mark: &str) -> Result<(), EngineError> {
    mark::end_all(mark);
    kill_descendants(&[], KILL_LIMIT);
    let site = Site::new(ground.home, ground.project, &place_name(environment, mark));
    down(&site, false, &mut |_| {}).map(drop)
}

fn hire_janitor(home: &Home, site: &Site, mark: &str) -> Result<Child, EngineError> {
    let program = ourselves()?.arg(JANITOR_VERB).arg(home.root()).arg(site.dir()).arg(mark);
    let (group, stdin) = (Group::NewSession, Stream::Pipe);
    Ok(program.spawn(SpawnOptions { group, stdin, dies_with_parent: None, ..SpawnOptions::default() })?)
}

fn dismiss(mut janitor: Child) {
    // A janitor that cannot hear us sees the pipe end, and finds nothing to do.
    if let Some(mut stdin) = janitor.take_stdin() {
        let _ = stdin.write_all(DONE);
    }
    let _ = janitor.wait(GRACE);
}

/// What the janitor does: waits until the run that it belongs to is over, and tidies up when it was killed.
///
/// # Errors
/// When something cannot be removed; nobody is there to be told.
pub fn tidy_up_after(
    home: &Home,
    site_dir: &std::path::Path,
    mark: &str,
    stdin: &mut impl Read,
) -> Result<(), EngineError> {
    let mut said = Vec::new();
    let _ = stdin.read_to_end(&mut said);
    if said == DONE {
        return Ok(());
    }
    mark::end_all(mark);
    down(&Site::at(home, site_dir), false, &mut |_| {}).map(|_| ())
}

/// Removes what runs have left whose client and janitor were both killed.
fn sweep(ground: Ground<'_>, environment: &str) -> Result<(), EngineError> {
    let prefix = format!("{environment}.");
    for site in Site::all(ground.home, ground.project)? {
        if !site.name().starts_with(&prefix) {
            continue;
        }
        let taken = match site.take_within(Duration::ZERO) {
            // Somebody is at it: it is not left over.
            Err(EngineError::Busy { .. }) => continue,
            taken => taken?,
        };
        if !site.is_running()? {
            take_down(&taken, false, &mut |_| {})?;
        }
    }
    Ok(())
}
