//! What can be asked of an environment that runs on Docker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use backlot_logs::LogLine;
use backlot_state::{
    Attendance, Beside, Engine, EngineError, EngineKind, Exec, Heard, Lines, LiveDatabase, LogWish, Report,
    Site, Started, Summary, Watcher, in_words,
};
use backlot_supervisor::{Answer, News, Request, ServiceReport};

use crate::answer::answer;
use crate::client::Client;
use crate::error::DockerError;
use crate::list::summary;
use crate::remove::{down, plan_down, stop, volumes};
use crate::running::{first_running, running};

impl Engine for Client {
    fn kind(&self) -> EngineKind {
        EngineKind::Docker
    }

    fn within(&self, grace: Duration) -> Box<dyn Engine> {
        Box::new(self.hastening(Some(grace)))
    }

    fn services(&self, site: &Site) -> Result<Vec<ServiceReport>, EngineError> {
        match answer(self, site, &Request::Status, &AtomicBool::new(false), &mut |_| {}) {
            Ok(Answer::Status(services)) => Ok(services),
            Ok(Answer::Nothing | Answer::Plan(_) | Answer::Described(_) | Answer::Exit { .. })
            | Err(EngineError::NoServices { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn ended_when_unknown(&self, _site: &Site) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    fn answer(
        &self,
        site: &Site,
        request: &Request,
        interrupted: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Answer, EngineError> {
        answer(self, site, request, interrupted, news)
    }

    fn database(&self, site: &Site) -> Result<LiveDatabase, EngineError> {
        running(self, site)
    }

    fn plan_down(&self, site: &Site, volumes: bool) -> Result<Vec<String>, EngineError> {
        Ok(in_words(&plan_down(self, site, volumes)?))
    }

    fn down(&self, site: &Site, volumes: bool, report: Report<'_>) -> Result<Vec<String>, EngineError> {
        Ok(in_words(&down(self, site, volumes, &AtomicBool::new(false), report)?))
    }

    fn stop(&self, site: &Site, report: Report<'_>) -> Result<bool, EngineError> {
        stop(self, site, &AtomicBool::new(false), report)
    }

    fn reset(&self, site: &Site, _: Report<'_>) -> Result<(), EngineError> {
        Err(only_native("take back the database", site))
    }

    fn save(&self, site: &Site, _: &str, _: &AtomicBool, _: Report<'_>) -> Result<(), EngineError> {
        Err(only_native("keep the database", site))
    }

    fn volumes(&self, site: &Site) -> Result<Vec<String>, EngineError> {
        Ok(volumes(self, site)?.iter().map(|name| format!("volume {name}")).collect())
    }

    fn lines(&self, site: &Site, wish: LogWish) -> Result<Box<dyn Lines>, EngineError> {
        Ok(Box::new(self.printed(site, wish)?))
    }

    /// The daemon tells, and refuses others.
    fn services_with_logs(&self, _: &Site) -> Option<BTreeSet<String>> {
        None
    }

    fn attend(
        &self,
        site: &Site,
        _: &Started,
        since: SystemTime,
        watcher: Option<Watcher>,
    ) -> Result<Box<dyn Attendance>, EngineError> {
        let wish = LogWish { since: Some(since), follow: true, ..LogWish::default() };
        let lines = self.lines(site, wish)?;
        Ok(Box::new(Attended { client: self.clone(), site: site.clone(), lines, watcher }))
    }

    fn exec(&self, site: &Site, beside: &Beside, _: &BTreeMap<String, String>) -> Result<Exec, EngineError> {
        let not_up = || EngineError::NoServices { environment: site.name().to_owned() };
        let docker = self.record_at(site)?.ok_or_else(not_up)?;
        let (container, known) = first_running(self, &docker.project, &beside.service)?;
        let Some(container) = container else {
            let (environment, service) = (site.name().to_owned(), beside.service.clone());
            return Err(if known.is_empty() {
                not_up()
            } else {
                DockerError::NoService { environment, service, known }.into()
            });
        };
        Ok(Exec::Elsewhere(self.beside(&container, beside)))
    }

    fn is_contained(&self, _: &Site, _: &str) -> bool {
        true
    }

    fn summary(&self, site: &Site, name: &str) -> Result<Summary, EngineError> {
        summary(Some(self), site, name)
    }
}

/// Containers in the foreground; a process of its own watches over us, and takes them down when we are gone.
struct Attended {
    client: Client,
    site: Site,
    lines: Box<dyn Lines>,
    watcher: Option<Watcher>,
}

impl Attendance for Attended {
    fn next(&mut self, limit: Duration) -> Result<Vec<Heard>, EngineError> {
        let lines: Vec<LogLine> = self.lines.next(limit)?;
        let mut all: Vec<Heard> = lines.into_iter().map(Heard::Line).collect();
        if !self.lines.is_live()? {
            all.push(Heard::Ended);
        }
        Ok(all)
    }

    fn ends_slowly(&self) -> bool {
        true
    }

    /// They are stopped as they are removed.
    fn stop(&mut self, _: &AtomicBool, _: &mut dyn FnMut(News)) -> Result<Vec<Heard>, EngineError> {
        Ok(Vec::new())
    }

    fn finish(self: Box<Self>, hurry: &AtomicBool, report: Report<'_>) -> Result<(), EngineError> {
        let stopped = stop(&self.client, &self.site, hurry, report);
        if let Some(watcher) = self.watcher {
            watcher.dismiss();
        }
        stopped.map(drop)
    }
}

fn only_native(what: &'static str, site: &Site) -> EngineError {
    EngineError::OnlyNative { what, environment: site.name().to_owned() }
}
