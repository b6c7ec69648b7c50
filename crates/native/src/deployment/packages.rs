//! The packages that services need: installed before anything is started.

use std::collections::{BTreeMap, BTreeSet};

use backlot_dependencies::{DependencyError, Ecosystem, Environment, Machine, Making};
use backlot_facts::{NoService, own};
use backlot_plan::Step;
use backlot_stack::{Cast, Chooser, Provided, StackError, provided};
use backlot_state::{EngineError, Event, Outcome, Packages, Report, Wishes, tell};

use crate::DatabaseService;
use crate::deployment::{NativeStack, most};

impl NativeStack<'_> {
    /// What each service has of packages.
    pub(super) fn provided(&self) -> &BTreeMap<String, Provided> {
        self.provided.get_or_init(|| {
            let databases = self.databases().map(DatabaseService::database);
            let databases = databases.map(|database| database.service.as_str()).collect();
            let (root, home) = (self.ground.project.root(), self.ground.home.dependencies());
            let (caller, most) = (self.ground.caller, most(self.ground.caller));
            provided(&self.environment, Chooser { root, caller, home: &home, most }, &databases)
        })
    }

    /// The packages of `services`, each once, with those that need them.
    fn environments(&self, services: &BTreeSet<String>) -> Vec<(&Environment, Vec<String>)> {
        let mut all: Vec<(&Environment, Vec<String>)> = Vec::new();
        for (name, provided) in self.provided().iter().filter(|(name, _)| services.contains(*name)) {
            for environment in &provided.environments {
                match all.iter_mut().find(|(known, _)| known.folder == environment.folder) {
                    Some((_, names)) => names.push(name.clone()),
                    None => all.push((environment, vec![name.clone()])),
                }
            }
        }
        all
    }

    /// The steps that install what is missing.
    pub(super) fn installs(&self, cast: &Cast, wishes: &Wishes) -> Vec<Step> {
        if wishes.no_install {
            return Vec::new();
        }
        let missing = self.environments(&self.needing_some(cast, wishes)).into_iter();
        let missing = missing.filter(|(environment, _)| !environment.is_whole());
        missing.map(|(environment, services)| step(environment, services)).collect()
    }

    /// The services whose packages an `up` needs: those that run as processes, and those whose commands fill the database.
    fn needing_some(&self, cast: &Cast, wishes: &Wishes) -> BTreeSet<String> {
        let run = cast.services.difference(&cast.containers).filter(|_| !wishes.database_only).cloned();
        let migrate = self.migrations(wishes).into_iter().filter_map(|migration| migration.service);
        run.chain(migrate).chain(self.filling_service()).collect()
    }

    /// The service whose packages a scenario's file in Python has: that of the project's only directory.
    fn filling_service(&self) -> Option<String> {
        let (_, source) = self.database.as_ref()?.scenario.as_ref()?;
        let is_python = source.path()?.extension().is_some_and(|end| end == "py");
        let only =
            if is_python { own::only(&self.environment.stack, self.ground.project.root()) } else { None };
        only.map(|container| container.service.name.clone())
    }

    /// Installs what is missing for what an `up` runs, and looks again at what can be known to be wrong then.
    pub(super) fn install_for(
        &self,
        cast: Cast,
        wishes: &Wishes,
        report: Report<'_>,
    ) -> Result<Cast, EngineError> {
        let is_all_there = self.installs(&cast, wishes).is_empty();
        if !is_all_there {
            self.make_packages(&self.needing_some(&cast, wishes), report)?;
        }
        if let (Some(database), Some(service)) = (&self.database, self.filling_service()) {
            // What fills it has the same; once is enough.
            let _ = database.packages.set(self.packages_of(&[service])?);
        }
        if is_all_there { Ok(cast) } else { self.cast(wishes) }
    }

    /// Installs what is missing for `services`.
    pub(super) fn make_packages(
        &self,
        services: &BTreeSet<String>,
        report: Report<'_>,
    ) -> Result<(), EngineError> {
        let making =
            Making { machine: Machine { caller: self.ground.caller }, interrupted: self.ground.interrupted };
        for (environment, names) in self.environments(services) {
            if environment.is_whole() {
                continue;
            }
            tell(&step(environment, names.clone()), report, |report| {
                let done = environment.make(&making, &mut |line| report(Event::Said(line)));
                done.map_err(|error| failed(self.with_place(error, &names)))?;
                Ok(Outcome::from(outcome(environment, &names)))
            })?;
        }
        Ok(())
    }

    fn with_place(&self, error: DependencyError, services: &[String]) -> DependencyError {
        match services.first().and_then(|name| self.environment.stack.services.get(name)) {
            Some(service) => error.of(&service.name, &service.location),
            None => error,
        }
    }

    /// The services of these names, or all; what each of them needs can be had.
    fn needing(&self, services: &[String]) -> Result<BTreeSet<String>, EngineError> {
        let stack = &self.environment.stack;
        NoService::check(stack, services.iter()).map_err(StackError::from)?;
        let all = stack.services.keys().filter(|name| services.is_empty() || services.contains(name));
        let all: BTreeSet<String> = all.cloned().collect();
        let wishes = Wishes::default();
        let translation = self.translation(&[], &wishes, BTreeMap::new());
        all.iter()
            .filter_map(|name| stack.services.get(name))
            .try_for_each(|service| translation.check_packages(service))?;
        Ok(all)
    }

    pub(super) fn packages_of(&self, services: &[String]) -> Result<Vec<Packages>, EngineError> {
        let services = self.needing(services)?;
        let all = self.environments(&services).into_iter().map(|(environment, services)| Packages {
            services,
            said: environment.said(),
            folder: environment.folder.clone(),
            is_there: environment.is_whole(),
            is_built: environment.ecosystem == Ecosystem::Built,
            programs: environment.programs(),
            variables: environment.variables(),
        });
        Ok(all.collect())
    }

    pub(super) fn install_of(
        &self,
        services: &[String],
        report: Report<'_>,
    ) -> Result<Vec<Packages>, EngineError> {
        self.make_packages(&self.needing(services)?, report)?;
        self.packages_of(services)
    }
}

fn step(environment: &Environment, services: Vec<String>) -> Step {
    let said = environment.said();
    match environment.ecosystem {
        Ecosystem::Built => Step::Build { services, said },
        Ecosystem::Python | Ecosystem::Node | Ecosystem::Ruby => Step::Install { services, said },
    }
}

fn outcome(environment: &Environment, services: &[String]) -> String {
    let version = environment.version.map(|version| format!(" ({:?} {version})", environment.ecosystem));
    format!("{} for {}{}", environment.said(), services.join(", "), version.unwrap_or_default())
}

fn failed(error: DependencyError) -> EngineError {
    match error {
        DependencyError::Interrupted => EngineError::Interrupted,
        error => EngineError::of(error),
    }
}
