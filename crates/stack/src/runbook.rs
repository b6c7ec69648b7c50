//! All services together, as a supervisor runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use backlot_facts::NoService;
use backlot_facts::container::Container;
use backlot_state::{DatabaseRecord, mark};
use backlot_supervisor::{ProcessRun, Runbook, ServiceRun};

use crate::{
    cast::drop_dependents, error::StackError, keeping::Kept, ports::Ports, translation::Translation,
};

impl Translation<'_> {
    /// All that a supervisor needs to run `wanted`, and those of the others that can run, so that they can be asked for
    /// later.
    pub fn runbook(&self, wanted: &BTreeSet<String>) -> Result<Runbook, StackError> {
        let mut services = self.runs(wanted, |_| true)?;
        let all = &self.environment.stack.services;
        drop_dependents(&mut services, &|name| all.get(name).is_some_and(|one| one.extension.optional));
        Ok(self.book(services))
    }

    /// The service `name` as it is to run once, whatever of it is there, beside the servers: what else runs, its supervisor knows.
    pub fn once(&self, name: &str) -> Result<(ServiceRun, Runbook), StackError> {
        let services = self.runs(&[name.to_owned()].into(), |one| one == name || self.is_database(one))?;
        let run = services.iter().find(|run| run.name == name).cloned();
        let run = run.ok_or_else(|| NoService::of(name, &self.environment.stack))?;
        Ok((run, self.book(services)))
    }

    /// The client of a container that runs once as the service `name`, if that is one.
    pub fn once_contained(&self, name: &str, terminal: bool) -> Option<Result<ProcessRun, StackError>> {
        let contained = self.contained(name)?;
        let service = self.environment.stack.services.get(name)?;
        Some(self.run_once_words(&Container::of(service, self.root), contained, terminal))
    }

    /// The services that `are_here`; what is wrong with one is an error where it is `wanted`.
    fn runs(
        &self,
        wanted: &BTreeSet<String>,
        are_here: impl Fn(&str) -> bool,
    ) -> Result<Vec<ServiceRun>, StackError> {
        let containers: BTreeMap<&str, Container<'_>> = self
            .environment
            .stack
            .services
            .values()
            .map(|service| (service.name.as_str(), Container::of(service, self.root)))
            .collect();
        let ports = Ports::choose(self, &containers, wanted)?;
        let mut services: Vec<ServiceRun> = Vec::new();
        for (name, container) in containers.iter().filter(|(name, _)| are_here(name)) {
            match self.service(container, &ports) {
                Ok(run) => services.push(run),
                Err(error) if wanted.contains(*name) => return Err(error),
                // It is nobody's error before somebody asks for it.
                Err(_) => {}
            }
        }
        Ok(services)
    }

    pub(crate) fn book(&self, services: Vec<ServiceRun>) -> Runbook {
        Runbook {
            environment: self.environment.name.to_string(),
            marks: [mark::of_site(self.site)].map(|(name, value)| (name.to_owned(), value)).into(),
            logs: self.site.logs(),
            foreign_logs: self.running.iter().map(|database| self.log_of(database)).collect(),
            services,
            addresses: self.address_plan(),
        }
    }

    fn log_of(&self, database: &DatabaseRecord) -> PathBuf {
        let is_own = self.databases.first() == Some(&database.service.as_str());
        let part = self.site.part(&database.service);
        if is_own { self.site.log(&database.service) } else { part.log(&database.service) }
    }

    /// The folders of `services`: of those that keep data, of volumes in their views, and copies of the project's.
    pub fn all_kept(&self, services: &BTreeSet<String>) -> Result<Vec<Kept>, StackError> {
        let services = || services.iter().filter_map(|name| self.environment.stack.services.get(name));
        let kept = services().map(|service| self.kept(&Container::of(service, self.root)));
        let seen = self.seen_volumes(services()).into_iter().chain(self.copies_of(services())).map(Ok);
        kept.filter_map(Result::transpose).chain(seen).collect()
    }
}
