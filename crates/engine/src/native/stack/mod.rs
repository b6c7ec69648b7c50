//! From an environment to what its supervisor runs: every service's command, directory, variables and ports, as they are
//! on this machine.

mod cast;
mod container;
mod dockerfile;
mod error;
mod fingerprint;
mod front;
mod keeping;
mod ports;
mod process;
mod references;
mod service;
mod targets;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_nginx::{LocateError, Nginx};
use backlot_project::Environment;
use backlot_supervisor::{Runbook, ServiceRun};

use crate::native::mark;
use crate::native::stack::cast::drop_dependents;
use crate::native::stack::container::Container;
use crate::native::stack::ports::Ports;
use crate::record::DatabaseRecord;
use crate::site::Site;

pub(crate) use cast::Cast;
pub use error::StackError;
pub(crate) use keeping::Kept;
pub(crate) use targets::Targets;

/// An environment that is to run natively.
#[derive(Debug)]
pub(crate) struct Translation<'a> {
    pub(crate) environment: &'a Environment,
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// The caller's variables.
    pub(crate) caller: &'a BTreeMap<String, String>,
    /// The nginx of this machine, or how to get one.
    pub(crate) nginx: Result<Nginx, LocateError>,
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
    /// Whether files are written that services read; not when it is only to be seen what would change.
    pub(crate) writes: bool,
}

impl Translation<'_> {
    /// All that a supervisor needs to run `wanted`, and those of the others that can run, so that they can be asked for
    /// later.
    pub(crate) fn runbook(&self, wanted: &BTreeSet<String>) -> Result<Runbook, StackError> {
        let containers: BTreeMap<&str, Container<'_>> = self
            .environment
            .stack
            .services
            .values()
            .map(|service| (service.name.as_str(), Container::of(service, self.root)))
            .collect();
        let ports = Ports::choose(self, &containers, wanted)?;
        let mut services: Vec<ServiceRun> = Vec::new();
        for (name, container) in &containers {
            match self.service(container, &ports) {
                Ok(run) => services.push(run),
                Err(error) if wanted.contains(*name) => return Err(error),
                // It is nobody's error before somebody asks for it.
                Err(_) => {}
            }
        }
        drop_dependents(&mut services);
        Ok(Runbook {
            environment: self.environment.name.to_string(),
            marks: [mark::of_site(self.site)].map(|(name, value)| (name.to_owned(), value)).into(),
            logs: self.site.logs(),
            foreign_logs: self
                .database
                .map(|database| self.site.log(&database.service))
                .into_iter()
                .collect(),
            services,
        })
    }

    /// Where those of `services` that keep data keep it.
    pub(crate) fn all_kept(&self, services: &BTreeSet<String>) -> Result<Vec<Kept>, StackError> {
        let services = services.iter().filter_map(|name| self.environment.stack.services.get(name));
        let kept = services.map(|service| self.kept(&Container::of(service, self.root)));
        kept.filter_map(Result::transpose).collect()
    }

    /// The names of all services.
    fn names(&self) -> BTreeSet<&str> {
        self.environment.stack.services.keys().map(String::as_str).collect()
    }
}
