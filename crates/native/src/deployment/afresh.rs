//! Making an environment anew: what was there before stays until the new one is whole.

use std::collections::{BTreeMap, BTreeSet};

use backlot_plan::{Removal, Step};
use backlot_stack::{Cast, Translation};
use backlot_state::{EngineError, Event, Filling, Outcome, Report, Taken, Wishes, tell};
use backlot_supervisor::{ServiceReport, State};

use crate::deployment::NativeStack;
use crate::supervise::{self, hire};
use crate::{all_running, down, server};

/// What was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    /// The services that ran.
    ran: Vec<String>,
    /// Those that had done their work.
    done: BTreeSet<String>,
}

impl NativeStack<'_> {
    /// Stops what is there and puts it aside, if it is whole and is to be made anew.
    pub(super) fn put_aside(
        &self,
        taken: &Taken,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<Option<Aside>, EngineError> {
        if !wishes.fresh || !is_whole(taken) {
            return Ok(None);
        }
        let (done, ran): (Vec<_>, Vec<_>) = self.current()?.into_iter().partition(is_done);
        let ran = ran.into_iter().filter(is_at_work).map(|service| service.name).collect();
        let aside = Aside { ran, done: done.into_iter().map(|service| service.name).collect() };
        let stop = Step::Remove(Removal::StopServer);
        tell(&stop, report, |_| {
            supervise::stop(&self.site)?;
            for part in self.site.parts() {
                put_aside(&part.take()?)?;
            }
            put_aside(taken)?;
            Ok(Outcome::from(format!("that of {}, which is kept until there is a new one", self.site.name())))
        })?;
        Ok(Some(aside))
    }

    /// The new one is whole.
    pub(super) fn drop_aside(&self, taken: &Taken) -> Result<(), EngineError> {
        for part in self.site.parts() {
            part.take()?.drop_aside()?;
        }
        taken.drop_aside()
    }

    /// Brings back what was put aside, as it was.
    pub(super) fn bring_back(&self, taken: &Taken, aside: &Aside, cast: &Cast, report: Report<'_>) {
        if let Err(error) = self.try_to_bring_back(taken, aside, cast, report) {
            report(Event::Warning(format!("could not start again what was there before: {error}")));
        }
    }

    fn try_to_bring_back(
        &self,
        taken: &Taken,
        aside: &Aside,
        cast: &Cast,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        for part in self.site.parts() {
            self.start_again(&part.take()?, report)?;
        }
        self.start_again(taken, report)?;
        if aside.ran.is_empty() {
            return Ok(());
        }
        let wishes = Wishes { no_install: true, ..Wishes::default() };
        let databases = all_running(&self.site)?;
        let containers = self.prepare(cast, Some(taken))?;
        let translation = self.translation(&databases, &wishes, BTreeMap::new());
        let translation = Translation { containers: containers.as_ref(), ..translation };
        self.make_places(&translation, cast)?;
        let mut runbook = translation.runbook(&cast.services)?;
        // What a job has done is still done: the one in the files by now may be what has failed.
        for run in &mut runbook.services {
            run.depends_on.retain(|name, _| !aside.done.contains(name));
        }
        hire(self.ground.home, taken, &runbook, &aside.ran, self.ground.interrupted)
    }

    fn start_again(&self, taken: &Taken, report: Report<'_>) -> Result<(), EngineError> {
        if taken.site().before().exists() {
            // With nothing new in its place, what was there is put back.
            down::undo(taken, report);
        }
        let Some(record) = taken.site().record()?.filter(|record| record.database.is_some()) else {
            return Ok(());
        };
        if !taken.site().is_running()? {
            server::restart(self.ground.home, taken, &record)?;
        }
        Ok(())
    }
}

fn is_done(service: &ServiceReport) -> bool {
    !service.replicas.is_empty() && service.replicas.iter().all(|replica| replica.state == State::Completed)
}

pub(super) fn is_at_work(service: &ServiceReport) -> bool {
    service.replicas.iter().any(|replica| !matches!(replica.state, State::Completed | State::Failed))
}

fn is_whole(taken: &Taken) -> bool {
    let record = taken.site().record().ok().flatten();
    record.is_some_and(|record| matches!(record.filling, Filling::None | Filling::Done))
}

fn put_aside(taken: &Taken) -> Result<(), EngineError> {
    down::halt(taken, server::STOP_LIMIT)?;
    taken.put_aside()
}
