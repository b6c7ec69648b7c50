//! From an environment to what its supervisor runs: every service's command, directory, variables and ports, as they are
//! on this machine.

mod container;
mod dockerfile;
mod error;
mod fingerprint;
mod front;
mod ports;
mod process;
mod references;
mod service;
mod targets;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_project::Environment;
use backlot_supervisor::{Runbook, ServiceRun};

use crate::database::extension_of;
use crate::native::stack::container::Container;
use crate::native::stack::ports::Ports;
use crate::record::DatabaseRecord;
use crate::site::Site;

pub use error::StackError;
pub(crate) use targets::Targets;

/// An environment that is to run natively.
#[derive(Debug)]
pub(crate) struct Translation<'a> {
    pub(crate) environment: &'a Environment,
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// The caller's variables.
    pub(crate) caller: &'a BTreeMap<String, String>,
    /// Its database, once that runs.
    pub(crate) database: Option<&'a DatabaseRecord>,
    /// The name of its database's service.
    pub(crate) database_service: Option<&'a str>,
    /// The scenario's name, for one.
    pub(crate) scenario: Option<&'a str>,
    pub(crate) site: &'a Site,
    /// Whether its ports are free ones, whatever its files publish.
    pub(crate) throwaway: bool,
    /// How many replicas of a service run, where that is not what the files say.
    pub(crate) scale: &'a BTreeMap<String, u32>,
    /// The endpoints that are open now: they stay.
    pub(crate) current: BTreeMap<(String, u16), u16>,
}

impl Translation<'_> {
    /// The names of the services that run when `wanted` are asked for: with all that they depend on; none named means
    /// all. What can be known from the files alone to be wrong with them is an error.
    pub(crate) fn services(&self, wanted: &[String]) -> Result<BTreeSet<String>, StackError> {
        self.check_databases()?;
        let services = &self.environment.stack.services;
        for service in wanted.iter().chain(self.scale.keys()) {
            if !services.contains_key(service) {
                let known = services.keys().cloned().collect();
                return Err(StackError::NoService { service: service.clone(), known });
            }
        }
        let mut names = BTreeSet::new();
        let mut next: Vec<&String> =
            if wanted.is_empty() { services.keys().collect() } else { wanted.iter().collect() };
        while let Some(name) = next.pop() {
            if let Some(service) = services.get(name)
                && names.insert(name.clone())
            {
                next.extend(service.depends_on.keys());
            }
        }
        for name in &names {
            self.check(name)?;
        }
        Ok(names)
    }

    /// Whether it is known what a service runs.
    fn check(&self, name: &str) -> Result<(), StackError> {
        let Some(service) = self.environment.stack.services.get(name) else { return Ok(()) };
        let container = Container::of(service, self.root);
        if self.database_service == Some(name) || container.is_nginx() {
            if let Some(replicas) = self.scale.get(name).copied().filter(|count| *count > 1) {
                return Err(StackError::Scaled { service: name.to_owned(), replicas });
            }
            return if container.is_nginx() { self.nginx(name).map(|_| ()) } else { Ok(()) };
        }
        let command = process::words(&container)?;
        self.program(&container, &command, &self.surroundings()).map(|_| ())
    }

    /// Natively, a stack has one Postgres.
    fn check_databases(&self) -> Result<(), StackError> {
        let mut others = self.environment.stack.services.values().filter(|service| {
            extension_of(service).is_some()
                && service.extension.command.is_none()
                && Some(service.name.as_str()) != self.database_service
        });
        match (self.database_service, others.next()) {
            (Some(first), Some(other)) => Err(StackError::SecondDatabase {
                first: first.to_owned(),
                second: other.name.clone(),
                at: other.location.clone(),
            }),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// All that a supervisor needs.
    pub(crate) fn runbook(&self) -> Result<Runbook, StackError> {
        self.check_databases()?;
        let containers: BTreeMap<&str, Container<'_>> = self
            .environment
            .stack
            .services
            .values()
            .map(|service| (service.name.as_str(), Container::of(service, self.root)))
            .collect();
        let ports = Ports::choose(self, &containers)?;
        let services = containers
            .values()
            .map(|container| self.service(container, &ports))
            .collect::<Result<Vec<ServiceRun>, _>>()?;
        Ok(Runbook {
            environment: self.environment.name.to_string(),
            logs: self.site.logs(),
            foreign_logs: self
                .database
                .map(|database| self.site.log(&database.service))
                .into_iter()
                .collect(),
            services,
        })
    }

    /// The names of all services.
    fn names(&self) -> BTreeSet<&str> {
        self.environment.stack.services.keys().map(String::as_str).collect()
    }
}
