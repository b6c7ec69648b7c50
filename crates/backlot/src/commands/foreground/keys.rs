//! What each key does.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Instant;

use backlot_engine::own;
use backlot_process::Stdout;
use backlot_supervisor::{Request, ServiceReport};

use super::Onlooker;
use crate::commands::named::{Named, addresses};
use crate::commands::psql::{PsqlArgs, program_of};
use crate::commands::scale::parse_scale;
use crate::commands::url::show;
use crate::error::CommandError;
use crate::render;

/// What people are told of them.
pub(super) const KEYS: &str =
    "keys: r restart, s scale, w watch, o open, p psql, l logs of one service after another, q stop";

/// A key with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Restart,
    Scale,
    Watch,
    Open,
    Psql,
    Logs,
    Stop,
    /// A blank line, by which people see what is new.
    Blank,
    Help,
}

impl Key {
    pub(super) fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b'r' => Self::Restart,
            b's' => Self::Scale,
            b'w' => Self::Watch,
            b'o' => Self::Open,
            b'p' => Self::Psql,
            b'l' => Self::Logs,
            b'q' => Self::Stop,
            b'\n' | b'\r' => Self::Blank,
            b'?' | b'h' => Self::Help,
            _ => return None,
        })
    }
}

impl Onlooker<'_, '_> {
    /// Does what a key says; whether it is the end.
    pub(super) fn press(&mut self, key: Key) -> Result<bool, CommandError> {
        match key {
            Key::Restart => self.restart()?,
            Key::Scale => self.scale()?,
            Key::Watch => self.watch_or_not()?,
            Key::Open => self.open()?,
            Key::Psql => return self.psql(),
            Key::Logs => self.show_next()?,
            Key::Stop => return Ok(true),
            Key::Blank => render::line(""),
            Key::Help => self.context.progress().say(KEYS),
        }
        Ok(false)
    }

    fn services(&self) -> Result<Vec<ServiceReport>, CommandError> {
        let mut services = self.context.engine(self.stack.site)?.services(self.stack.site)?;
        services.retain(|service| !service.replicas.is_empty());
        Ok(services)
    }

    /// Restarts the service that is shown alone, else those that are the project's own: a database can stay.
    fn restart(&self) -> Result<(), CommandError> {
        let environment = self.context.environment(self.stack.project)?;
        let own = own::services(&environment.stack, self.stack.project.root());
        let is_own = |name: &String| own.iter().any(|container| container.service.name == *name);
        let running = self.services()?.into_iter().map(|service| service.name);
        let services = match &self.alone {
            Some(alone) => vec![alone.clone()],
            None => running.filter(is_own).collect(),
        };
        let which = if services.is_empty() { "all services".to_owned() } else { services.join(", ") };
        self.context.progress().say(&format!("restarting {which}"));
        self.ask(Request::Restart { services, rolling: true }, which, "restarted");
        Ok(())
    }

    /// Asks how many of which service are to run; what services print meanwhile is shown after that.
    fn scale(&mut self) -> Result<(), CommandError> {
        let names: Vec<String> = self.services()?.into_iter().map(|service| service.name).collect();
        let example = self.alone.as_ref().or(names.last()).map_or("web", String::as_str);
        // Who types as soon as he is asked edits his line as on any terminal.
        if let Some(terminal) = &mut self.terminal {
            terminal.give_back();
        }
        render::question(&format!("scale which service to how many ({example}=2): "));
        let line = self.terminal.as_mut().and_then(|terminal| terminal.line(&self.context.interrupted));
        let Some(line) = line else {
            self.context.progress().say("nothing was scaled");
            return Ok(());
        };
        let wrong = |why: String| CommandError::usage("usage", format!("{line:?}: {why}"));
        let (service, count) = parse_scale(&line.replace(' ', "")).map_err(wrong)?;
        self.context.progress().say(&format!("scaling {service} to {count}"));
        let replicas = BTreeMap::from([(service.clone(), count)]);
        self.ask(Request::Scale { replicas, wait: true }, service, "scaled");
        Ok(())
    }

    /// Asks for something beside what is shown, and says when it is done with `which`.
    fn ask(&self, request: Request, which: String, done: &'static str) {
        let (context, site, over) = (self.context, self.stack.site, Arc::clone(&self.over));
        self.scope.spawn(move || {
            let begun = Instant::now();
            let engine = context.engine(site);
            let outcome = engine.and_then(|engine| Ok(engine.ask(site, &request, &over, &mut |_| {})?));
            match outcome {
                Ok(_) => context.progress().did(&which, done, begun.elapsed()),
                Err(_) if over.load(std::sync::atomic::Ordering::SeqCst) => {}
                Err(error) => context.complain(&error),
            }
        });
    }

    fn watch_or_not(&mut self) -> Result<(), CommandError> {
        if self.end_watching() {
            self.context.progress().say("not watching any more");
            return Ok(());
        }
        self.begin_watching()
    }

    /// Opens the service that is shown alone, else the first that a browser understands.
    fn open(&self) -> Result<(), CommandError> {
        let services = self.services()?;
        let is_shown = |name: &str| self.alone.as_ref().is_none_or(|alone| alone == name);
        let found = addresses(Named::of(self.stack.site).as_ref(), &services);
        let Some((_, url)) = found.into_iter().find(|(name, _)| is_shown(name)) else {
            self.context.progress().say("no service has an address that a browser understands");
            return Ok(());
        };
        self.context.progress().say(&format!("opening {url}"));
        let context = self.context;
        self.scope.spawn(move || {
            if let Err(error) = show(&url, context) {
                context.complain(&error);
            }
        });
        Ok(())
    }

    /// Runs psql on the terminal; what services print meanwhile is shown after that. Whether we were asked to end by the signal that
    /// ended it: those that reach us are passed on.
    fn psql(&mut self) -> Result<bool, CommandError> {
        let database = self.context.engine(self.stack.site)?.database(self.stack.site)?;
        let program = program_of(&PsqlArgs::default(), &database, self.stack.site, self.context)?;
        if let Some(terminal) = &mut self.terminal {
            terminal.give_back();
        }
        let ended = program.run(Stdout::Ours, &self.context.interrupted)?;
        Ok(ended.interrupted && ended.status.signal().is_some())
    }

    /// Shows the next service alone; after the last one, all.
    fn show_next(&mut self) -> Result<(), CommandError> {
        let names: Vec<String> = self.services()?.into_iter().map(|service| service.name).collect();
        self.alone = next(&names, self.alone.as_deref());
        let shown = match &self.alone {
            Some(alone) => format!("showing {alone} alone"),
            None => "showing all services".to_owned(),
        };
        self.context.progress().say(&shown);
        Ok(())
    }
}

fn next(names: &[String], shown: Option<&str>) -> Option<String> {
    let place = shown.map(|shown| names.iter().position(|name| name == shown));
    match place {
        None => names.first().cloned(),
        Some(place) => names.get(place? + 1).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Key, next};

    #[test]
    fn every_key_that_is_told_of_is_one() {
        use Key::{Logs, Open, Psql, Restart, Scale, Stop, Watch};
        let told = KEYS.trim_start_matches("keys: ").split(", ").map(|key| key.as_bytes()[0]);
        let known: Vec<Key> = told.filter_map(Key::of).collect();
        assert_eq!(known, [Restart, Scale, Watch, Open, Psql, Logs, Stop]);
        assert_eq!(Key::of(b'x'), None);
    }

    #[test]
    fn one_service_after_another_is_shown_and_then_all() {
        let names = ["db".to_owned(), "web".to_owned()];
        for (shown, expected) in
            [(None, Some("db")), (Some("db"), Some("web")), (Some("web"), None), (Some("gone"), None)]
        {
            assert_eq!(next(&names, shown).as_deref(), expected, "{shown:?}");
        }
    }
}
