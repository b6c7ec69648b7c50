//! The loop of a watch: changes lead to jobs, each of which is done on a thread of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};
use std::time::{Duration, Instant, SystemTime};

use backlot_engine::Site;
use backlot_project::Environment;
use backlot_project::stack::WatchRule;
use backlot_supervisor::{Answer, Request};
use backlot_watch::{Todo, Watching, Work, work};

use super::carry_out::was_cancelled;
use super::copying::{Place, copy, place};
use super::guard::Guard;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render;

/// How long it is waited for changes before all else is looked at again.
const STEP: Duration = Duration::from_millis(50);
/// How often it is looked whether the environment is still up, and its files as they were.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// An environment whose files are watched.
pub(super) struct Session<'a> {
    pub(super) site: Site,
    pub(super) root: PathBuf,
    pub(super) environment: Environment,
    pub(super) context: &'a Context,
    /// What is copied from where to where, by service and number of the rule.
    pub(super) copies: BTreeMap<(String, usize), (PathBuf, PathBuf)>,
    /// The services that run in containers beside processes.
    contained: Vec<String>,
}

/// What is done at once: for one service, or all that are made anew.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) builds: bool,
    begun: Instant,
}

/// A job that is under way.
struct UnderWay {
    services: Vec<String>,
    builds: bool,
    cancel: Arc<AtomicBool>,
}

impl<'a> Session<'a> {
    pub(super) fn new(site: &Site, root: &Path, environment: Environment, context: &'a Context) -> Self {
        let (copies, contained) = (BTreeMap::new(), Vec::new());
        Self { site: site.clone(), root: root.to_owned(), environment, context, copies, contained }
    }

    /// Finds out where files are copied to, copies those that are to be there from the beginning, and tells of what is not done.
    pub(super) fn begin(&mut self, watching: &Watching) -> Result<(), CommandError> {
        let engine = self.context.engine(&self.site)?;
        let said = watching.rules().iter().filter_map(|rule| Some((rule, rule.said?)));
        for (rule, number) in said {
            let Some(service) = self.environment.stack.services.get(&rule.service) else { continue };
            let Some(said) = service.watch.get(number).filter(|said| said.action.syncs()) else { continue };
            if engine.is_contained(&self.site, &service.name) {
                if !self.contained.contains(&service.name) {
                    let how = "its image is made anew where files would be copied into it";
                    self.context.progress().say(&format!("  · {} runs in a container: {how}", service.name));
                    self.contained.push(service.name.clone());
                }
                if said.exec.as_ref().is_some_and(|exec| !exec.environment.is_empty()) {
                    let what =
                        "a command of develop.watch has its container's variables, and none of its own";
                    self.context.tell(vec![format!("service {}: {what}", service.name)]);
                }
                continue;
            }
            let key = (service.name.clone(), number);
            match self.place(&service.name, said)? {
                Place::Here => self.context.progress().say(&format!(
                    "  · {} has {} in place: nothing is copied",
                    service.name,
                    self.shown(&said.path)
                )),
                Place::Volume(to) => {
                    if said.initial_sync {
                        let files = watching.files_of(rule);
                        copy(&files, &said.path, &to).map_err(|error| CommandError::failed("sync", error))?;
                    }
                    self.copies.insert(key, (said.path.clone(), to));
                }
                Place::Nowhere(why) => {
                    let what = format!("{} is not copied natively: {why}", self.shown(&said.path));
                    self.context.tell(vec![format!("service {}: {what}", service.name)]);
                }
            }
        }
        Ok(())
    }

    fn place(&self, name: &str, rule: &WatchRule) -> Result<Place, CommandError> {
        let engine = self.context.engine(&self.site)?;
        let request = Request::Describe { service: name.to_owned() };
        let answer = engine.ask(&self.site, &request, &self.context.interrupted, &mut |_| {})?;
        let mounts = match answer {
            Answer::Described(described) => described.mounts,
            Answer::Nothing | Answer::Status(_) | Answer::Plan(_) | Answer::Exit { .. } => Vec::new(),
        };
        let home = self.context.home()?;
        let service = &self.environment.stack.services[name];
        Ok(place(service, rule, &mounts, (&self.root, home.root())))
    }

    /// A path as people know it.
    fn shown(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        if inside.as_os_str().is_empty() { ".".to_owned() } else { inside.display().to_string() }
    }

    /// Does what changes ask for until `over` is set, or the environment is down.
    pub(super) fn watch(&self, watching: &mut Watching, over: &AtomicBool) -> Result<Exit, CommandError> {
        let (tell, ended) = mpsc::channel();
        let mut desk = Desk::new(self, tell, ended);
        let mut looked = Instant::now();
        let mut files = self.stamps();
        thread::scope(|scope| {
            loop {
                if over.load(Ordering::SeqCst) {
                    desk.cancel_all();
                    return Ok(Exit::Interrupted);
                }
                if looked.elapsed() > LOOK_EVERY {
                    looked = Instant::now();
                    if self.is_down() {
                        desk.cancel_all();
                        self.context.progress().say(&format!("{} is down", self.site.name()));
                        return Ok(Exit::Done);
                    }
                    self.look_at_project(&mut files);
                }
                let changed = watching.next(STEP);
                self.context.tell(watching.notes());
                desk.take(work(watching.rules(), &changed));
                desk.begin(scope);
            }
        })
    }

    fn is_down(&self) -> bool {
        let services = self.context.engine(&self.site).and_then(|engine| Ok(engine.services(&self.site)?));
        services.is_ok_and(|services| services.iter().all(|service| service.replicas.is_empty()))
    }

    /// When the files were written that say what the environment is.
    fn stamps(&self) -> Vec<Option<SystemTime>> {
        let written = |file: &PathBuf| file.metadata().and_then(|file| file.modified()).ok();
        self.environment.files.iter().map(written).collect()
    }

    /// Tells of those of the project's files that have changed: it takes an `up` to bring that about.
    fn look_at_project(&self, before: &mut Vec<Option<SystemTime>>) {
        let now = self.stamps();
        let files = self.environment.files.iter().zip(now.iter().zip(before.iter()));
        let changed = files.filter(|(_, (now, before))| now != before).map(|(file, _)| self.shown(file));
        let way = self.context.line(&format!("-e {} up -d", self.site.name()));
        let lines = changed.map(|file| format!("{file} has changed: `{way}` brings that about")).collect();
        self.context.tell(lines);
        *before = now;
    }

    fn show(&self, job: &Job, outcome: Result<&'static str, CommandError>) {
        let took = u64::try_from(job.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(done) => {
                for (service, todo) in &job.work {
                    let files: Vec<String> = todo.files.iter().map(|file| self.shown(file)).collect();
                    // What is in place needs no words each time.
                    if todo.rebuild || todo.restart || !todo.exec.is_empty() || self.copies_for(service, todo)
                    {
                        told(service, done, (&files, took), self.context);
                    }
                }
            }
            Err(error) if was_cancelled(&error) => {}
            Err(error) => self.context.complain(&error),
        }
    }

    fn copies_for(&self, service: &str, todo: &Todo) -> bool {
        todo.sync.keys().any(|number| self.copies.contains_key(&(service.to_owned(), *number)))
    }
}

/// What waits and what is under way.
struct Desk<'s, 'a> {
    session: &'s Session<'a>,
    waiting: Work,
    under_way: Vec<UnderWay>,
    guard: Guard,
    tell: Sender<Vec<String>>,
    ended: Receiver<Vec<String>>,
}

impl<'s, 'a> Desk<'s, 'a> {
    fn new(session: &'s Session<'a>, tell: Sender<Vec<String>>, ended: Receiver<Vec<String>>) -> Self {
        let (waiting, under_way, guard) = (Work::new(), Vec::new(), Guard::default());
        Self { session, waiting, under_way, guard, tell, ended }
    }

    fn cancel_all(&self) {
        self.under_way.iter().for_each(|job| job.cancel.store(true, Ordering::SeqCst));
    }

    /// What is asked for waits for its turn.
    fn take(&mut self, work: Work) {
        let session = self.session;
        let reports =
            || session.context.engine(&session.site).and_then(|engine| Ok(engine.services(&session.site)?));
        let reports = if work.is_empty() { Vec::new() } else { reports().unwrap_or_default() };
        for (service, mut todo) in work {
            let is_meant = todo.is_said || session.is_to_be_replaced(&service, &reports);
            if !is_meant || !self.guard.is_left(&mut todo) {
                continue;
            }
            let report = reports.iter().find(|report| report.name == service);
            if report.is_some_and(|report| report.replicas.is_empty()) {
                // It was stopped: it sees what has changed when somebody starts it.
                (todo.rebuild, todo.restart) = (false, false);
                todo.exec.clear();
                if todo.sync.is_empty() {
                    continue;
                }
            }
            if session.contained.contains(&service) && !todo.sync.is_empty() {
                (todo.rebuild, todo.restart) = (true, false);
                todo.sync.clear();
            }
            self.waiting.entry(service).or_default().join(todo);
        }
    }

    /// Begins what can be: a service is not done twice at once, and what is made anew is done alone. What nobody waits for any
    /// more is let go.
    fn begin<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        's: 'scope,
        'a: 'scope,
    {
        for services in self.ended.try_iter() {
            for service in &services {
                self.guard.ended(service, Instant::now());
            }
            self.under_way.retain(|job| job.services != services);
        }
        for job in self.under_way.iter().filter(|job| !job.builds) {
            if job.services.iter().any(|service| self.waiting.contains_key(service)) {
                job.cancel.store(true, Ordering::SeqCst);
            }
        }
        let is_busy = |job: &UnderWay, service: &String| job.builds || job.services.contains(service);
        let free = |service: &String| !self.under_way.iter().any(|job| is_busy(job, service));
        let (built, others): (Work, Work) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, todo)| todo.rebuild);
        let (ready, waiting): (Work, Work) =
            others.into_iter().partition(|(service, _)| free(service) && built.is_empty());
        self.waiting = waiting;
        let mut jobs: Vec<Job> =
            ready.into_iter().map(|(service, todo)| Job::of(Work::from([(service, todo)]), false)).collect();
        if self.under_way.is_empty() && jobs.is_empty() && !built.is_empty() {
            jobs.push(Job::of(built, true));
        } else {
            self.waiting.extend(built);
        }
        for job in jobs {
            self.start(job, scope);
        }
    }

    fn start<'scope>(&mut self, mut job: Job, scope: &'scope Scope<'scope, '_>)
    where
        's: 'scope,
        'a: 'scope,
    {
        let session = self.session;
        let guard = &mut self.guard;
        job.work.retain(|service, todo| {
            let own = guard.begins(service, todo, job.begun);
            let lines = own.iter().map(|file| {
                let file = session.shown(file);
                format!("{file} changes whenever {service} starts, and does not count any more: put it into .gitignore")
            });
            session.context.tell(lines.collect());
            own.is_empty()
        });
        if job.work.is_empty() {
            return;
        }
        let (services, cancel) =
            (job.work.keys().cloned().collect::<Vec<_>>(), Arc::new(AtomicBool::new(false)));
        self.under_way.push(UnderWay {
            services: services.clone(),
            builds: job.builds,
            cancel: Arc::clone(&cancel),
        });
        let tell = self.tell.clone();
        scope.spawn(move || {
            let outcome = session.carry_out(&job, &cancel);
            session.show(&job, outcome);
            let _ = tell.send(services);
        });
    }
}

impl Job {
    fn of(work: Work, builds: bool) -> Self {
        Self { work, builds, begun: Instant::now() }
    }
}

/// A line about something that was done: for people, or as JSON for programs.
fn told(service: &str, what: &str, (files, took_ms): (&[String], u64), context: &Context) {
    if context.global.json {
        let value =
            serde_json::json!({ "service": service, "done": what, "files": files, "took_ms": took_ms });
        return render::line(&value.to_string());
    }
    let why = match files {
        [] => String::new(),
        [one] => format!(": {one} has changed"),
        [one, more @ ..] => format!(": {one} and {} more have changed", more.len()),
    };
    context.progress().did(service, &format!("{what}{why}"), Duration::from_millis(took_ms));
}
