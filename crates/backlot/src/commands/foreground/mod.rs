//! `backlot up` in the foreground: what the services print, until Ctrl-C; on a terminal, keys.

mod ending;
mod keys;
mod shown;
mod terminal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, Scope};
use std::time::Duration;

use backlot_engine::{Attendance, Heard, Site};
use backlot_project::Project;

use crate::commands::watch::Beside;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::LogPrinter;

use ending::{End, look_for};
use keys::{KEYS, Key};
pub use shown::Shown;
use terminal::Terminal;

/// How long it is waited for new lines before signals are looked at again.
const STEP: Duration = Duration::from_millis(50);
/// How long it may take until it is known whose end was the end of all.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What is in the foreground.
#[derive(Clone, Copy)]
pub struct Stack<'w> {
    pub site: &'w Site,
    pub project: &'w Project,
    /// The services that were asked for; none means all.
    pub services: &'w [String],
    /// Whether they are replaced when their files change.
    pub watch: bool,
    pub shown: &'w Shown,
}

/// Shows what the stack prints, until Ctrl-C, until all of it has ended, or until somebody else stops it. However it goes: nothing
/// of it stays.
pub fn run(
    mut attendance: Box<dyn Attendance>,
    stack: Stack<'_>,
    context: &Context,
) -> Result<Exit, CommandError> {
    let outcome = thread::scope(|scope| {
        let mut onlooker = Onlooker::new(stack, context, scope);
        onlooker.begin_to_look_for_ends();
        let begun = if stack.watch { onlooker.begin_watching() } else { Ok(()) };
        let outcome = begun.and_then(|()| onlooker.look_on(attendance.as_mut()));
        onlooker.let_go();
        outcome
    });
    context.interrupted.store(false, Ordering::SeqCst);
    attendance.finish(&context.interrupted, &mut context.reporter())?;
    outcome
}

/// Whoever looks on, and may press keys.
struct Onlooker<'scope, 'env> {
    stack: Stack<'env>,
    context: &'env Context,
    scope: &'scope Scope<'scope, 'env>,
    printer: LogPrinter,
    /// The service that is shown alone.
    alone: Option<String>,
    /// What ends the watch that is under way.
    watch: Option<Arc<AtomicBool>>,
    /// Set when nothing is waited for any more.
    over: Arc<AtomicBool>,
    /// Tells of the service whose end is the end of all, where there is such a one.
    ends: Option<Receiver<Option<End>>>,
    terminal: Option<Terminal>,
}

impl<'scope, 'env> Onlooker<'scope, 'env> {
    fn new(stack: Stack<'env>, context: &'env Context, scope: &'scope Scope<'scope, 'env>) -> Self {
        let terminal =
            if context.can_have_terminal() { Terminal::take(&context.interrupted).ok() } else { None };
        Self {
            stack,
            context,
            scope,
            printer: stack.shown.printer(context),
            alone: None,
            watch: None,
            over: Arc::default(),
            ends: None,
            terminal,
        }
    }

    fn begin_to_look_for_ends(&mut self) {
        let Some(end) = self.stack.shown.ends_with() else { return };
        let (tell, ends) = mpsc::channel();
        let (site, over, context) = (self.stack.site, Arc::clone(&self.over), self.context);
        self.scope.spawn(move || look_for(end, site, &over, context, &tell));
        self.ends = Some(ends);
    }

    /// The exit code with which everything ends now, if it does; that is waited for as long as `limit`.
    fn is_to_end(&self, limit: Duration) -> Option<Exit> {
        let end = self.ends.as_ref()?.recv_timeout(limit).ok()?;
        Some(end.map_or(Exit::Done, |End { service, code }| {
            self.context
                .progress()
                .say(&format!("{service} has ended with exit code {code}: all of it ends"));
            Exit::Child(self.stack.shown.exit_code(&service, code))
        }))
    }

    fn begin_watching(&mut self) -> Result<(), CommandError> {
        let Stack { site, project, services, .. } = self.stack;
        let beside = Beside::of(site, project, services, self.context)?;
        let over = Arc::new(AtomicBool::new(false));
        self.watch = Some(Arc::clone(&over));
        let context = self.context;
        self.scope.spawn(move || beside.watch(&over, context));
        Ok(())
    }

    fn end_watching(&mut self) -> bool {
        self.watch.take().is_some_and(|over| !over.swap(true, Ordering::SeqCst))
    }

    /// Nothing is waited for any more, and the terminal is as it was.
    fn let_go(&mut self) {
        self.end_watching();
        self.over.store(true, Ordering::SeqCst);
        self.terminal = None;
    }

    /// Shows what was heard; whether it has ended, and whether nothing runs any more.
    fn show(&mut self, heard: Vec<Heard>) -> (bool, Option<bool>) {
        let (mut has_ended, mut over) = (false, None);
        for heard in heard {
            match heard {
                Heard::Line(line) if self.alone.as_ref().is_some_and(|alone| *alone != line.service) => {}
                Heard::Line(line) if !self.stack.shown.shows(&line.service) => {}
                Heard::Line(line) => self.printer.print(&line),
                Heard::News(news) => self.context.progress().news(&news),
                Heard::Over { failed } => over = Some(failed),
                Heard::Ended => has_ended = true,
            }
        }
        (has_ended, over)
    }

    fn look_on(&mut self, attendance: &mut dyn Attendance) -> Result<Exit, CommandError> {
        let (progress, name) = (self.context.progress(), self.stack.site.name());
        if self.terminal.is_some() {
            progress.say(KEYS);
        }
        let exit = loop {
            let (has_ended, over) = {
                let heard = attendance.next(STEP)?;
                self.show(heard)
            };
            if let Some(exit) = self.is_to_end(if has_ended { END_LIMIT } else { Duration::ZERO }) {
                break exit;
            }
            if has_ended {
                self.let_go();
                progress.say(&format!("{name} was stopped"));
                return Ok(Exit::Done);
            }
            // What has ended is told in a moment.
            if let Some(failed) = over.filter(|_| self.ends.is_none()) {
                let next = match (&self.watch, &self.terminal) {
                    (Some(_), _) => "; the next change starts it again",
                    (None, Some(_)) if failed => " (r starts it again, q ends)",
                    (None, _) => "",
                };
                progress.say(&format!("nothing of {name} runs any more{next}"));
                if next.is_empty() {
                    return Ok(if failed { Exit::Failed } else { Exit::Done });
                }
            }
            if self.context.interrupted.swap(false, Ordering::SeqCst) {
                break Exit::Interrupted;
            }
            if self.press_keys() {
                break Exit::Done;
            }
        };
        self.let_go();
        if attendance.ends_slowly() {
            progress.say("stopping (Ctrl-C again: at once)");
        }
        let last = attendance.stop(&self.context.interrupted, &mut self.context.newsreader())?;
        self.show(last);
        Ok(exit)
    }

    /// Does what the keys say that were pressed; whether one of them is the end.
    fn press_keys(&mut self) -> bool {
        let keys = self.terminal.as_mut().map(Terminal::keys).unwrap_or_default();
        let mut keys = keys.into_iter().filter_map(Key::of);
        keys.any(|key| {
            let outcome = self.press(key);
            outcome.unwrap_or_else(|error| {
                self.context.complain(&error);
                false
            })
        })
    }
}
