//! A stack in the foreground, whatever runs it: it is shown what it prints, and it ends with whoever looks on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use backlot_logs::LogLine;
use backlot_supervisor::{News, Request};

use crate::docker::Client;
use crate::error::EngineError;
use crate::event::Report;
use crate::native::{self, Watcher};
use crate::printed::Lines;
use crate::site::Site;

/// Something that a stack in the foreground lets be heard.
#[derive(Debug)]
pub enum Heard {
    /// It printed this.
    Line(LogLine),
    /// This happened to a service.
    News(News),
    /// Somebody else has stopped it; nothing comes after that.
    Ended,
}

/// A stack that lives as long as somebody looks on.
pub struct Attendance {
    pub(crate) site: Site,
    pub(crate) lines: Box<dyn Lines>,
    pub(crate) host: Host,
}

/// What the stack is to whoever looks on.
pub(crate) enum Host {
    /// Services under a supervisor, which is told when we are gone by the end of a connection.
    Supervisor { heard: Receiver<Option<News>>, over: Arc<AtomicBool> },
    /// A database alone.
    Server,
    /// Containers; a process of its own watches over us, and takes them down when we are gone.
    Containers { client: Box<Client>, watcher: Watcher },
}

impl Host {
    /// Attaches to the supervisor at `site`.
    pub(crate) fn attach(site: &Site) -> Result<Self, EngineError> {
        let client = native::connect(site)?;
        let (sender, heard) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        // It ends with the connection.
        std::thread::spawn(move || {
            let mut news = |news| drop(sender.send(Some(news)));
            let _ = client.ask(&Request::Attach, &stop, &mut news);
            let _ = sender.send(None);
        });
        Ok(Self::Supervisor { heard, over })
    }
}

impl Attendance {
    /// What was printed and what happened since; waits for something no longer than `limit`.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn next(&mut self, limit: Duration) -> Result<Vec<Heard>, EngineError> {
        let mut all: Vec<Heard> = self.lines.next(limit)?.into_iter().map(Heard::Line).collect();
        let ended = match &self.host {
            Host::Supervisor { heard, .. } => loop {
                match heard.try_recv() {
                    Ok(Some(news)) => all.push(Heard::News(news)),
                    Ok(None) | Err(TryRecvError::Disconnected) => break true,
                    Err(TryRecvError::Empty) => break false,
                }
            },
            Host::Server | Host::Containers { .. } => !self.lines.is_live()?,
        };
        if ended {
            all.extend(self.rest()?);
            all.push(Heard::Ended);
        }
        Ok(all)
    }

    /// Whether its end takes a while, so that people like to be told that it has begun.
    pub fn ends_slowly(&self) -> bool {
        !matches!(self.host, Host::Server)
    }

    /// Stops the services in their order; at once when `hurry` is set meanwhile. Returns what they printed last.
    ///
    /// # Errors
    /// When they do not stop.
    pub fn stop(
        &mut self,
        hurry: &AtomicBool,
        news: &mut dyn FnMut(News),
    ) -> Result<Vec<Heard>, EngineError> {
        let Host::Supervisor { over, .. } = &self.host else { return Ok(Vec::new()) };
        let never = AtomicBool::new(false);
        match native::ask(&self.site, &Request::Down, hurry, news) {
            Err(EngineError::Interrupted) => {
                hurry.store(false, Ordering::SeqCst);
                native::ask(&self.site, &Request::Kill, &never, news)?;
            }
            Ok(_) | Err(EngineError::NoServices { .. } | EngineError::Control(_)) => {}
            Err(error) => return Err(error),
        }
        over.store(true, Ordering::SeqCst);
        self.rest()
    }

    /// Takes away whatever is left, however it went before.
    ///
    /// # Errors
    /// When something cannot be taken away.
    pub fn finish(self, hurry: &AtomicBool, report: Report<'_>) -> Result<(), EngineError> {
        match self.host {
            Host::Supervisor { .. } | Host::Server => native::down(&self.site, false, report).map(drop),
            Host::Containers { client, watcher } => {
                let down = client.down(&self.site, hurry, report);
                watcher.dismiss();
                down
            }
        }
    }

    fn rest(&mut self) -> Result<Vec<Heard>, EngineError> {
        match &self.host {
            Host::Supervisor { .. } => {
                Ok(self.lines.next(Duration::ZERO)?.into_iter().map(Heard::Line).collect())
            }
            Host::Server | Host::Containers { .. } => Ok(Vec::new()),
        }
    }
}
