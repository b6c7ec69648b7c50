//! A database for one run of the tests, of which nothing is left, however the run ends.
//!
//! Two processes of our own program outlive each other: the *outer* one, which the user has started, runs the *inner* one,
//! which does the work. Both are subreapers: what a test starts and forgets, in whatever session and environment, is
//! handed to the inner one and ends with the run ([`TestRun::finish`]); should that be killed, it is handed to the outer
//! one, which does the rest ([`finish_for`]). Should the outer one be killed, the inner one is told.
//!
//! Should both be killed at once, there is the janitor: a small process that holds the read end of a pipe whose write
//! end only the inner one holds. When the pipe ends, it does what `finish` would have done, as far as it finds things.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use backlot_process::{Child, become_subreaper, kill_descendants};
use backlot_state::runs::{place_name, run_of};
use backlot_state::{
    Beside, DONE, Deployment, EngineError, EngineKind, Event, Exec, Ground, Home, LiveDatabase, Lock,
    Purpose, Report, Site, Wishes, dismiss, hire, mark,
};
use backlot_supervisor::News;

use crate::choose::engine_of;

/// How long what is killed may take to die.
const KILL_LIMIT: Duration = Duration::from_secs(2);
/// How long a lock that nobody else has any reason to take may take.
const LOCK_LIMIT: Duration = Duration::from_secs(2);

/// A run of the tests, with its database up.
#[derive(Debug)]
pub struct TestRun<'a> {
    deployment: Box<dyn Deployment<'a> + 'a>,
    database: LiveDatabase,
    mark: String,
    guarded: Option<Guarded>,
}

/// What makes sure that nothing of a run stays.
#[derive(Debug)]
struct Guarded {
    janitor: Child,
    /// Processes that are no leftovers of the tests: the server, and what makes the next clone.
    spared: Vec<i32>,
    /// Held for as long as the run lives, on an engine whose database holds no lock of ours.
    _lock: Option<Lock>,
}

impl<'a> TestRun<'a> {
    /// Brings up a database for this run alone; with `keep` one that stays, in the place of an earlier kept one. `mark` is
    /// a name of the run that no other has, see [`crate::new_mark`].
    pub fn start(
        ground: Ground<'a>,
        deployment: Box<dyn Deployment<'a> + 'a>,
        keep: bool,
        mark: String,
        report: Report<'_>,
    ) -> Result<Self, EngineError> {
        let deployment = deployment.meant_for(Purpose::Throwaway);
        let environment = deployment.site().name().to_owned();
        if let Err(error) = sweep(ground) {
            // That an earlier run cannot be tidied up after need not keep anybody from testing.
            report(Event::Warning(format!(
                "could not remove what an earlier run of the tests left: {error}"
            )));
        }
        if keep {
            let (database, _) = deployment.up_database(true, report)?;
            return Ok(Self { deployment, database, mark, guarded: None });
        }
        become_subreaper();
        let site = Site::new(ground.home, ground.project, &place_name(&environment, &mark));
        let deployment = deployment.meant_for(Purpose::Run { site: site.clone(), mark: mark.clone() });
        let janitor = hire(&site, ground.caller, &mark)?;
        match bring_up(deployment.as_ref(), &site, report) {
            Ok((database, spared, lock)) => {
                let spared = spared.into_iter().chain([janitor.id().pid]).collect();
                let guarded = Guarded { janitor, spared, _lock: lock };
                Ok(Self { deployment, database, mark, guarded: Some(guarded) })
            }
            Err(error) => {
                dismiss(janitor);
                Err(error)
            }
        }
    }

    /// What [`TestRun::start`] and [`TestRun::finish`] would do, with `runner` between them.
    pub fn plan(
        deployment: Box<dyn Deployment<'a> + 'a>,
        keep: bool,
        needs: Vec<String>,
        runner: &str,
    ) -> Result<Vec<String>, EngineError> {
        let deployment = deployment.meant_for(Purpose::Throwaway);
        let mut wishes = deployment.database_only(keep)?;
        if !needs.is_empty() {
            wishes.services.extend(needs);
            wishes.database_only = false;
        }
        let begin = deployment.plan_up(&wishes)?;
        let end = if keep { Vec::new() } else { deployment.plan_end_of_run() };
        Ok(begin.into_iter().chain([runner.to_owned()]).chain(end).collect())
    }

    /// The database of this run.
    pub fn database(&self) -> &LiveDatabase {
        &self.database
    }

    /// A directory that goes with the run.
    pub fn scratch(&self) -> std::path::PathBuf {
        self.deployment.site().live()
    }

    /// The variables of the runner.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.deployment.process_variables(&self.database);
        variables.insert(mark::VARIABLE.into(), self.mark.clone());
        variables
    }

    /// How a command is run as a service, with what it `needs` up and well beside it; what of that cannot run is told, and done
    /// without.
    ///
    /// # Errors
    /// When there is no such service, it cannot run, or what it needs does not do well.
    pub fn as_service(
        &self,
        beside: &Beside,
        needs: &[String],
        report: Report<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Exec, EngineError> {
        let mut can = Vec::new();
        for name in needs {
            let wishes = Wishes { services: vec![name.clone()], ..Wishes::default() };
            match self.deployment.why_not(&wishes)? {
                None => can.push(name.clone()),
                Some(error) => report(Event::Warning(format!("the tests do without {name}: {error}"))),
            }
        }
        let exec = self.deployment.once(beside, &can, report, news)?;
        Ok(match exec {
            Exec::Child(program) => Exec::Child(program.env(mark::VARIABLE, &self.mark)),
            Exec::Contained { client, container } => {
                Exec::Contained { client: client.env(mark::VARIABLE, &self.mark), container }
            }
            Exec::Elsewhere(program) => Exec::Elsewhere(program),
            Exec::Here { mut variables, directory, view } => {
                variables.insert(mark::VARIABLE.into(), self.mark.clone());
                Exec::Here { variables, directory, view }
            }
        })
    }

    /// Ends what the runner left behind and, unless the database is to be kept, takes it away.
    pub fn finish(self, ground: Ground<'_>, report: Report<'_>) -> Result<(), EngineError> {
        mark::end_all(&self.mark);
        let Some(Guarded { janitor, spared, .. }) = self.guarded else { return Ok(()) };
        kill_descendants(&spared, KILL_LIMIT);
        let outcome = down(self.deployment.site(), ground.caller, report);
        dismiss(janitor);
        outcome
    }
}

/// Brings a run's database up; with the processes that belong to it, and what tells that the run lives.
fn bring_up(
    deployment: &dyn Deployment<'_>,
    site: &Site,
    report: Report<'_>,
) -> Result<(LiveDatabase, Vec<i32>, Option<Lock>), EngineError> {
    let (database, started) = deployment.up_database(false, report)?;
    let server = site.record()?.and_then(|record| record.database).map(|database| database.process.pid);
    let lock = match deployment.kind() {
        EngineKind::Native => None,
        EngineKind::Docker => Some(Lock::acquire(&site.owner_lock(), LOCK_LIMIT)?),
    };
    Ok((database, server.into_iter().chain(started.stock).collect(), lock))
}

/// Takes what runs at `site` down, whatever runs it.
pub(crate) fn down(
    site: &Site,
    caller: &BTreeMap<String, String>,
    report: Report<'_>,
) -> Result<(), EngineError> {
    engine_of(site, caller)?.down(site, false, report).map(drop)
}

/// What the outer process does when the inner one was killed: ends all that was handed to it, and takes the run's database
/// away.
pub fn finish_for(ground: Ground<'_>, environment: &str, mark: &str) -> Result<(), EngineError> {
    mark::end_all(mark);
    kill_descendants(&[], KILL_LIMIT);
    let site = Site::new(ground.home, ground.project, &place_name(environment, mark));
    down(&site, ground.caller, &mut |_| {})
}

/// Removes what runs on Docker have left whose client and janitor were both killed. Of those on this engine, nothing is
/// left by any command that changes something.
fn sweep(ground: Ground<'_>) -> Result<(), EngineError> {
    for site in Site::all(ground.home, ground.project)? {
        let engine = engine_of(&site, ground.caller)?;
        if engine.kind() == EngineKind::Native || run_of(&site).is_none() {
            continue;
        }
        match site.take_within(Duration::ZERO) {
            // Somebody is at it: it is not left over.
            Err(EngineError::Busy { .. }) => continue,
            taken => drop(taken?),
        }
        if !site.is_running()? {
            engine.down(&site, false, &mut |_| {})?;
        }
    }
    Ok(())
}

/// What the janitor does: waits until the run that it belongs to is over, and tidies up when it was killed.
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
