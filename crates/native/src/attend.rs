//! A stack of processes in the foreground.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc::{self, Receiver, TryRecvError},
};
use std::time::Duration;

use backlot_plan::Storage;
use backlot_state::{Attendance, EngineError, Heard, Lines, Report, Site};
use backlot_supervisor::{News, Request, State};
use backlot_templates::is_cluster;

use crate::down::{down, stop};
use crate::supervise::{ask, connect, hasten};
use crate::views::status;

/// A stack that ends with whoever looks on.
pub(super) struct Attended {
    site: Site,
    lines: Box<dyn Lines>,
    supervisor: Option<Supervisor>,
    /// How long what is ended may take, in the place of what its files say.
    grace: Option<Duration>,
    /// Whether nobody has looked on yet.
    is_new: bool,
}

/// A supervisor, which is told when we are gone by the end of a connection.
struct Supervisor {
    heard: Receiver<Option<News>>,
    over: Arc<AtomicBool>,
}

impl Attended {
    /// Looks on at the services at `site`, or at a database alone.
    pub(super) fn new(
        site: &Site,
        lines: Box<dyn Lines>,
        has_services: bool,
        grace: Option<Duration>,
    ) -> Result<Self, EngineError> {
        let supervisor = if has_services { Some(Supervisor::attach(site)?) } else { None };
        Ok(Self { site: site.clone(), lines, supervisor, grace, is_new: true })
    }

    /// Whether something has failed, where nothing runs any more or will by itself. A database runs on.
    fn over(&self) -> Option<bool> {
        let services = status(&self.site).ok()?;
        let states: Vec<State> =
            services.iter().flat_map(|service| &service.replicas).map(|replica| replica.state).collect();
        let is_over = |state: &State| match state {
            State::Completed | State::Failed | State::Blocked => true,
            State::Waiting
            | State::Starting
            | State::Running
            | State::Restarting
            | State::Draining
            | State::Stopping => false,
        };
        let all_over = !states.is_empty() && states.iter().all(is_over);
        all_over.then(|| states.iter().any(|state| *state != State::Completed))
    }

    /// What has failed sooner than somebody looked on.
    fn failures(&self) -> Vec<Heard> {
        let services = status(&self.site).unwrap_or_default();
        let all = services.iter().flat_map(|service| service.replicas.iter().map(move |it| (service, it)));
        let failed = all.filter(|(_, replica)| replica.state == State::Failed);
        let news = failed.filter_map(|(service, replica)| {
            let name = format!("{}-{}", service.name, replica.number);
            let text = replica.reason.clone()?;
            Some(News { service: service.name.clone(), replica: Some(name), text, bad: true })
        });
        news.map(Heard::News).collect()
    }

    fn rest(&mut self) -> Result<Vec<Heard>, EngineError> {
        if self.supervisor.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.lines.next(Duration::ZERO)?.into_iter().map(Heard::Line).collect())
    }
}

fn has_news(heard: &[Heard]) -> bool {
    heard.iter().any(|heard| matches!(heard, Heard::News(_)))
}

impl Supervisor {
    fn attach(site: &Site) -> Result<Self, EngineError> {
        let client = connect(site)?;
        let (sender, heard) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        // It ends with the connection.
        std::thread::spawn(move || {
            let mut news = |news| drop(sender.send(Some(news)));
            let _ = client.ask(&Request::Attach, &stop, &mut news);
            let _ = sender.send(None);
        });
        Ok(Self { heard, over })
    }

    /// What has happened since; whether it has ended.
    fn next(&self, all: &mut Vec<Heard>) -> bool {
        loop {
            match self.heard.try_recv() {
                Ok(Some(news)) => all.push(Heard::News(news)),
                Ok(None) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }
}

impl Attendance for Attended {
    fn next(&mut self, limit: Duration) -> Result<Vec<Heard>, EngineError> {
        let mut all: Vec<Heard> = self.lines.next(limit)?.into_iter().map(Heard::Line).collect();
        let is_first = std::mem::take(&mut self.is_new);
        let has_ended = match &self.supervisor {
            Some(supervisor) => supervisor.next(&mut all),
            None => !self.lines.is_live()?,
        };
        if has_ended {
            all.extend(self.rest()?);
            all.push(Heard::Ended);
        } else if (is_first || has_news(&all))
            && let Some(failed) = self.over()
        {
            if !has_news(&all) {
                all.extend(self.failures());
            }
            // All that was printed is written by now.
            loop {
                let rest = self.rest()?;
                if rest.is_empty() {
                    break;
                }
                all.extend(rest);
            }
            all.push(Heard::Over { failed });
        }
        Ok(all)
    }

    fn ends_slowly(&self) -> bool {
        self.supervisor.is_some()
    }

    fn stop(&mut self, hurry: &AtomicBool, news: &mut dyn FnMut(News)) -> Result<Vec<Heard>, EngineError> {
        let Some(supervisor) = &self.supervisor else { return Ok(Vec::new()) };
        hasten(&self.site, &[], self.grace)?;
        let mut outcome = ask(&self.site, &Request::Down, hurry, news);
        if let Err(EngineError::Interrupted) = outcome {
            hurry.store(false, Ordering::SeqCst);
            outcome = ask(&self.site, &Request::Kill, &AtomicBool::new(false), news);
        }
        match outcome {
            // It may have ended before it was asked, or while it was.
            Ok(_) | Err(EngineError::NoServices { .. } | EngineError::Control(_)) => {}
            Err(error) => return Err(error),
        }
        supervisor.over.store(true, Ordering::SeqCst);
        self.rest()
    }

    fn finish(self: Box<Self>, _: &AtomicBool, report: Report<'_>) -> Result<(), EngineError> {
        // Whoever ends it may want it again as it was; what nothing is lost with need not stay.
        let all = self.site.parts();
        let has_cluster = |site: &Site| is_cluster(&site.data(&Storage::Throwaway));
        if all.iter().chain([&self.site]).any(has_cluster) {
            stop(&self.site, self.grace, report).map(drop)
        } else {
            down(&self.site, false, report).map(drop)
        }
    }
}
