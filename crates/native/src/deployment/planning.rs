//! What an `up` of a whole stack would do, and what stands in its way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use backlot_dependencies::copy;
use backlot_facts::container::Container;
use backlot_plan::{Removal, ServiceStep, Step};
use backlot_process::in_full;
use backlot_project::keys::Level;
use backlot_project::{Environment, Service};
use backlot_stack::{Cast, StackError, Translation};
use backlot_state::{EngineError, Ground, Wishes, volume};
use backlot_supervisor::{Answer, FailureCode, Request};

use crate::DatabaseService;
use crate::all_running;
use crate::deployment::{NativeStack, again, endpoints};
use crate::migrate::Migrates;
use crate::programs;
use crate::supervise::ask;

impl NativeStack<'_> {
    /// The steps that an `up` of `cast` would carry out now.
    pub(super) fn steps(&self, cast: &Cast, wishes: &Wishes) -> Result<Vec<Step>, EngineError> {
        let mut steps = self.installs(cast, wishes);
        steps.extend(self.steps_of_others(cast, wishes)?);
        if let Some(service) = &self.database {
            let migrating = self.migrating(wishes)?;
            let migrating = migrating.as_ref().map(|all| all as &dyn Migrates);
            steps.extend(service.plan_up(again(wishes, service), migrating)?);
        }
        if self.stops_services(steps.iter())? && !steps.contains(&Step::Remove(Removal::StopServices)) {
            steps.insert(0, Step::Remove(Removal::StopServices));
        }
        let ends = steps.contains(&Step::Remove(Removal::StopServices)) || !self.site.is_supervised()?;
        let services = if ends { None } else { self.plan_services(cast, wishes)? };
        let anew = || {
            let beside = self.beside(cast);
            if beside.is_empty() { Vec::new() } else { vec![ServiceStep::Start(beside)] }
        };
        steps.extend(services.unwrap_or_else(anew).into_iter().map(Step::Service));
        Ok(steps)
    }

    /// The further databases that an `up` starts.
    pub(super) fn wanted_others<'s>(
        &'s self,
        cast: &'s Cast,
        wishes: &Wishes,
    ) -> impl Iterator<Item = &'s DatabaseService<'s>> {
        let others = if wishes.database_only { &[] } else { self.others.as_slice() };
        others.iter().filter(|other| cast.services.contains(&other.database().service))
    }

    /// What an `up` does to the further databases.
    pub(super) fn steps_of_others(&self, cast: &Cast, wishes: &Wishes) -> Result<Vec<Step>, EngineError> {
        let steps = self.wanted_others(cast, wishes).map(|other| other.plan_up(again(wishes, other), None));
        Ok(steps.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Whether a supervisor runs that would start again what these steps stop.
    pub(super) fn stops_services<'s>(
        &self,
        mut steps: impl Iterator<Item = &'s Step>,
    ) -> Result<bool, EngineError> {
        Ok(steps.any(|step| *step == Step::Remove(Removal::StopServer)) && self.site.is_supervised()?)
    }

    /// What an `up` does to the services that a supervisor runs; nothing when it starts them all anew.
    pub(super) fn plan_services(
        &self,
        cast: &Cast,
        wishes: &Wishes,
    ) -> Result<Option<Vec<ServiceStep>>, EngineError> {
        if self.beside(cast).is_empty() && !wishes.services.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let databases = all_running(&self.site)?;
        let current = endpoints(&self.current()?);
        let containers = self.prepare(cast, None)?;
        let translation = self.translation(&databases, wishes, current);
        let translation = Translation { writes: false, containers: containers.as_ref(), ..translation };
        let runbook = Box::new(translation.runbook(&cast.services)?);
        let request = Request::Plan { runbook: runbook.clone(), services: self.named(wishes) };
        match ask(&self.site, &request, self.ground.interrupted, &mut |_| {}) {
            Ok(Answer::Plan(mut steps)) => {
                let again = self.same_again(&runbook, &self.named(wishes), wishes)?;
                steps.extend(again.into_iter().map(ServiceStep::Replace));
                let gone = if wishes.orphans { self.gone(wishes)? } else { Vec::new() };
                steps.extend(gone.into_iter().map(ServiceStep::Stop));
                Ok(Some(steps))
            }
            Err(EngineError::Supervisor(failure)) if failure.code == FailureCode::Structure => Ok(None),
            Ok(Answer::Nothing | Answer::Status(_) | Answer::Described(_) | Answer::Exit { .. })
            | Err(EngineError::NoServices { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What an `up` of these services does not do that the files say, a line each.
    pub(super) fn told_of(&self, cast: &Cast, wishes: &Wishes) -> Vec<String> {
        let left_out = cast.left_out.iter().map(|reason| {
            let why =
                self.no_containers().map(|why| format!("; as a container it does not run either: {why}"));
            let way_out = reason.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{reason}: it is left out{way_out}{}", why.unwrap_or_default())
        });
        let left_out = left_out.chain(self.not_migrated(wishes));
        if wishes.database_only {
            return left_out.collect();
        }
        let translation = self.translation(&[], wishes, BTreeMap::new());
        let keys = translation.unhonoured(&cast.services, &cast.containers, Level::Warning);
        let volumes = translation.unmounted(cast.services.difference(&cast.containers));
        let contained = cast.containers.iter().filter_map(|name| self.environment.stack.services.get(name));
        let contained: Vec<String> =
            contained.flat_map(|service| translation.contained_notes(service)).collect();
        let no_processes = told_once(&cast.no_processes);
        keys.into_iter()
            .chain(volumes)
            .chain(no_processes)
            .chain(contained)
            .chain(self.notes(&cast.services))
            .chain(left_out)
            .collect()
    }

    /// What the images of services are made with and has no effect here, a line each.
    pub(super) fn details_of(&self, wishes: &Wishes) -> Vec<String> {
        let Ok(looked) = self.look(wishes) else { return Vec::new() };
        let translation = self.translation(&[], wishes, BTreeMap::new());
        let programs = looked.cast.services.difference(&looked.cast.containers);
        let programs = programs.filter_map(|name| self.environment.stack.services.get(name));
        let lines = |service: &Service| {
            let all = translation.without_effect(service).into_iter();
            let line = |line: String| format!("the image of service {} is made with {line}", service.name);
            all.map(line).collect::<Vec<_>>()
        };
        programs.flat_map(lines).collect()
    }

    /// What of those of `services` that are databases is not as in their containers.
    pub(super) fn notes(&self, services: &BTreeSet<String>) -> Vec<String> {
        let databases = self.databases().map(DatabaseService::database);
        let databases = databases.filter(|database| services.contains(&database.service));
        databases.flat_map(|database| database.notes.iter().cloned()).collect()
    }

    /// Whether a database has its data here, which a container of it would not find.
    pub fn has_data(&self) -> bool {
        let made = |service: &DatabaseService<'_>| {
            volume::major_in(service.site(), &service.database().storage).is_some()
        };
        self.databases().any(made)
    }

    /// Makes the folders of services that keep data.
    pub(super) fn make_folders(&self, translation: &Translation<'_>, cast: &Cast) -> Result<(), EngineError> {
        for kept in translation.all_kept(&cast.services)? {
            if let Some(volume) = &kept.volume {
                drop(volume::hold(&self.site, self.ground.project.root(), volume)?);
            }
            if let Some(image) = kept.begins_with.as_deref().filter(|_| is_empty(&kept.folder)) {
                begin_with(image, &kept.folder)?;
            }
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&kept.folder);
            made.map_err(|source| EngineError::Io { what: "make", path: kept.folder.clone(), source })?;
        }
        Ok(())
    }

    /// All databases, the environment's own first.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &DatabaseService<'_>> {
        self.database.iter().chain(&self.others)
    }

    /// The services of `cast` beside databases, by name.
    pub(super) fn beside(&self, cast: &Cast) -> Vec<String> {
        let is_database =
            |name: &&String| self.databases().any(|service| service.database().service == **name);
        cast.services.iter().filter(|name| !is_database(name)).cloned().collect()
    }

    /// Whether a supervisor is to watch over what an `up` runs: other services, or a check of the database that the file has.
    pub(super) fn is_watched(&self, cast: &Cast, wishes: &Wishes) -> bool {
        let checked = |database: &DatabaseService<'_>| {
            let service = self.environment.stack.services.get(&database.database().service);
            let root = self.ground.project.root();
            let check = service.and_then(|service| Container::of(service, root).healthcheck());
            check.is_some_and(|check| check.test.is_some())
        };
        let is_checked = self.database.iter().chain(self.wanted_others(cast, wishes)).any(checked);
        // The gateway relays what is published beside the port at which a server listens itself.
        let databases = self.database.iter().chain(self.wanted_others(cast, wishes));
        let translation = self.translation(&[], wishes, BTreeMap::new());
        let is_relayed = databases
            .filter_map(|database| self.environment.stack.services.get(&database.database().service))
            .any(|service| !translation.published(service).is_empty());
        !self.beside(cast).is_empty()
            || ((is_checked || is_relayed) && !self.throwaway && !wishes.database_only)
    }

    /// The services that a supervisor is told to run; none means all. The database runs in any case: it is the
    /// environment's.
    pub(super) fn named(&self, wishes: &Wishes) -> Vec<String> {
        let mut named = wishes.services.clone();
        if named.is_empty() && !self.environment.stack.on_call.is_empty() {
            named.extend(self.environment.stack.with_dependencies(&[]));
        }
        if !named.is_empty() {
            named.extend(self.database.as_ref().map(|service| service.database().service.clone()));
        }
        named
    }
}

/// What of the files of `environment` is not done natively, a line each, whether its services can run here or not.
///
/// # Errors
/// When the caller asks for a version of Postgres that is none.
pub fn not_done(ground: Ground<'_>, environment: Environment) -> Result<Vec<String>, EngineError> {
    let stack = NativeStack::new(ground, environment, false)?;
    let (services, wishes) = (stack.environment.stack.with_dependencies(&[]), Wishes::default());
    let translation = stack.translation(&[], &wishes, BTreeMap::new());
    // What would run as a container, wherever there are some.
    let contained = translation.containers_among(&services);
    let levels = [Level::Error, Level::Warning];
    let keys = levels.map(|level| translation.unhonoured(&services, &contained, level)).concat();
    let volumes = translation.unmounted(services.difference(&contained));
    Ok(keys.into_iter().chain(volumes).chain(stack.notes(&services)).collect())
}

/// What an `up` of `environment` would have to fetch, a line each.
///
/// # Errors
/// When a server is not here and cannot be fetched.
pub fn to_fetch(ground: Ground<'_>, environment: Environment) -> Result<Vec<String>, EngineError> {
    programs::missing(NativeStack::new(ground, environment, false)?.databases())
}

/// Why what the project builds is a container, a line for each reason.
fn told_once(all: &[(String, StackError)]) -> Vec<String> {
    let mut lines: Vec<(String, String, Vec<&str>)> = Vec::new();
    for (name, reason) in all {
        let said = in_full(reason);
        let kind = said.replacen(name, "", 1);
        if let Some((.., same)) = lines.iter_mut().find(|(known, ..)| *known == kind) {
            same.push(name);
            continue;
        }
        let way_out = reason.hint().map(|hint| format!("; {}", hint.replace('\n', "; "))).unwrap_or_default();
        lines.push((kind, format!("{said}: it runs as a container{way_out}"), Vec::new()));
    }
    let line = |(_, line, same): (String, String, Vec<&str>)| {
        if same.is_empty() { line } else { format!("{line}; so do {}, for the same reason", same.join(", ")) }
    };
    lines.into_iter().map(line).collect()
}

/// Whether nothing is in a folder, or it is not there.
fn is_empty(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Makes a folder of what a build of the image would copy there, whole or not at all.
fn begin_with(image: &Path, folder: &Path) -> Result<(), EngineError> {
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| EngineError::Io { what, path, source }
    };
    let new = folder.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(io("remove", &new))?;
    }
    let parent = new.parent().unwrap_or(folder);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io("make", parent))?;
    copy(image, &new).map_err(EngineError::of)?;
    fs::rename(&new, folder).map_err(io("rename", &new))
}
