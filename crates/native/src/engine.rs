//! What can be asked of an environment that runs as processes of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use crate::beside::exec;
use backlot_state::{
    Attendance, Beside, Engine, EngineError, EngineKind, Exec, Lines, LiveDatabase, LogWish, Report, Site,
    Started, Summary, Watcher, in_words,
};
use backlot_supervisor::{Answer, News, Request, ServiceReport};

use crate::attend::Attended;
use crate::down::{down, plan_down, stop};
use crate::printed::OfProcesses;
use crate::resetting;
use crate::snapshots;
use crate::summary::summary;
use crate::supervise::{ask, hasten};
use crate::views::{databases_alone, describe, log_query, services_with_logs, status};

/// The engine whose services are processes of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native {
    /// How long what is ended may take, in the place of what its files say.
    grace: Option<Duration>,
}

impl Engine for Native {
    fn kind(&self) -> EngineKind {
        EngineKind::Native
    }

    fn within(&self, grace: Duration) -> Box<dyn Engine> {
        Box::new(Self { grace: Some(grace) })
    }

    fn services(&self, site: &Site) -> Result<Vec<ServiceReport>, EngineError> {
        match status(site) {
            Err(EngineError::NoServices { .. }) => databases_alone(site),
            status => status,
        }
    }

    fn ended_when_unknown(&self, site: &Site) -> Result<Vec<String>, EngineError> {
        Ok(self.services(site)?.into_iter().map(|service| service.name).collect())
    }

    fn answer(
        &self,
        site: &Site,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, EngineError> {
        match request {
            Request::Restart { services, .. } => hasten(site, services, self.grace)?,
            Request::Scale { replicas, .. } => {
                hasten(site, &replicas.keys().cloned().collect::<Vec<_>>(), self.grace)?;
            }
            _ => {}
        }
        ask(site, request, interrupted, news)
    }

    fn database(&self, site: &Site) -> Result<LiveDatabase, EngineError> {
        crate::running(site).map(|record| LiveDatabase::from(&record))
    }

    fn plan_down(&self, site: &Site, volumes: bool) -> Result<Vec<String>, EngineError> {
        Ok(in_words(&plan_down(site, volumes)?))
    }

    fn down(&self, site: &Site, volumes: bool, report: Report<'_>) -> Result<Vec<String>, EngineError> {
        hasten(site, &[], self.grace)?;
        if self.grace.is_some() && !site.is_supervised()? {
            // A server alone, which nobody hastens.
            stop(site, self.grace, &mut |_| {})?;
        }
        Ok(in_words(&down(site, volumes, report)?))
    }

    fn stop(&self, site: &Site, report: Report<'_>) -> Result<bool, EngineError> {
        hasten(site, &[], self.grace)?;
        stop(site, self.grace, report)
    }

    fn reset(&self, site: &Site, report: Report<'_>) -> Result<(), EngineError> {
        resetting::reset(site, report)
    }

    fn save(
        &self,
        site: &Site,
        name: &str,
        interrupted: &AtomicBool,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        snapshots::save(site, name, interrupted, report)
    }

    fn volumes(&self, site: &Site) -> Result<Vec<String>, EngineError> {
        Ok(in_words(&site.removable_volumes()?))
    }

    fn lines(&self, site: &Site, wish: LogWish) -> Result<Box<dyn Lines>, EngineError> {
        let mut query = log_query(site, wish.services)?;
        (query.tail, query.since, query.until) = (wish.tail, wish.since, wish.until);
        Ok(Box::new(OfProcesses::new(site, query, wish.follow)))
    }

    fn services_with_logs(&self, site: &Site) -> Option<BTreeSet<String>> {
        Some(services_with_logs(site))
    }

    fn attend(
        &self,
        site: &Site,
        started: &Started,
        since: SystemTime,
        _: Option<Watcher>,
    ) -> Result<Box<dyn Attendance>, EngineError> {
        let wish = LogWish { since: Some(since), follow: true, ..LogWish::default() };
        Ok(Box::new(Attended::new(site, self.lines(site, wish)?, started.has_services, self.grace)?))
    }

    fn exec(
        &self,
        site: &Site,
        beside: &Beside,
        caller: &BTreeMap<String, String>,
    ) -> Result<Exec, EngineError> {
        exec(site, beside, caller)
    }

    fn is_contained(&self, site: &Site, service: &str) -> bool {
        describe(site, service, &BTreeMap::new()).is_ok_and(|described| described.container.is_some())
    }

    fn summary(&self, site: &Site, name: &str) -> Result<Summary, EngineError> {
        summary(site, name)
    }
}
