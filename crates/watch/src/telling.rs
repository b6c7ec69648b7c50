//! What the system tells of, between the thread that hears it and the one that looks at the files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind};

/// With more paths than this, all files are looked at.
const MOST_PATHS: usize = 1000;

/// What it has told of.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) paths: BTreeSet<PathBuf>,
    /// It has lost count, or there are many.
    pub(crate) all: bool,
    /// When it told something last.
    pub(crate) last: Option<Instant>,
    pub(crate) trouble: Option<notify::Error>,
}

impl Told {
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.all && self.trouble.is_none()
    }

    /// Takes what was told later, too.
    pub(crate) fn join(&mut self, later: Self) {
        self.paths.extend(later.paths);
        self.all |= later.all;
        self.last = later.last.or(self.last);
        self.trouble = self.trouble.take().or(later.trouble);
    }

    fn take(&mut self, event: notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.all = true,
            Ok(event) if !is_change(event.kind) => return,
            Ok(event) => self.paths.extend(event.paths),
            Err(error) => self.trouble = Some(error),
        }
        if self.paths.len() > MOST_PATHS {
            self.paths.clear();
            self.all = true;
        }
        self.last = Some(Instant::now());
    }
}

/// Whether something may have been written: not what is only opened, read, or closed after that.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(how) => how == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// Where it is told.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    told: Mutex<Told>,
    more: Condvar,
}

impl Telling {
    pub(crate) fn tell(&self, event: notify::Result<Event>) {
        self.now().take(event);
        self.more.notify_all();
    }

    /// Whether something is told within a time.
    pub(crate) fn is_any_within(&self, limit: Duration) -> bool {
        let waited = self.more.wait_timeout_while(self.now(), limit, |told| told.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// All of it.
    pub(crate) fn take(&self) -> Told {
        std::mem::take(&mut *self.now())
    }

    fn now(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
