//! Which services an `up` runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use backlot_facts::NoService;
use backlot_facts::container::Container;
use backlot_project::Service;
use backlot_project::keys::{Level, RunBy};
use backlot_state::{EngineError, Obstacles};
use backlot_supervisor::ServiceRun;

use crate::claim::Claim;
use crate::error::{OF_ALL_ENGINES, StackError};
use crate::{process, translation::Translation};

/// What an `up` runs.
#[derive(Debug)]
pub struct Cast {
    /// The services, by name: those that were asked for, and all that they depend on.
    pub services: BTreeSet<String>,
    /// Why others are left out.
    pub left_out: Vec<StackError>,
    /// Those of the services that run as containers, as they are nothing else.
    pub containers: BTreeSet<String>,
    /// Why those of them that the project builds itself are no processes of this machine.
    pub no_processes: Vec<(String, StackError)>,
}

/// What an `up` would run, with all that is in its way.
#[derive(Debug)]
pub struct Looked {
    /// What it would run.
    pub cast: Cast,
    /// What can be known from the files alone to be wrong with that.
    pub obstacles: Vec<StackError>,
    /// The services that this is about.
    pub faulty: BTreeSet<String>,
}

impl Translation<'_> {
    /// The services that run when `wanted` are asked for; none named means all. What can be known from the files alone to
    /// be wrong with them is an error.
    pub fn cast(&self, wanted: &[String]) -> Result<Cast, EngineError> {
        let Looked { cast, obstacles, faulty } = self.look(wanted)?;
        let rest = self.rest(wanted, &cast.services, &faulty);
        Obstacles::none(obstacles.into_iter().map(EngineError::from).collect(), rest)?;
        Ok(cast)
    }

    /// The same, with all that is wrong. What only an image knows how to run is a container where there can be some; else it is
    /// left out, as what a provider runs, as long as nobody has asked for it and nothing depends on it that cannot do without.
    ///
    /// # Errors
    /// For a service that is not there.
    pub fn look(&self, wanted: &[String]) -> Result<Looked, StackError> {
        let mut services = self.named(wanted)?;
        let (contained, mut errors) = self.checked(&services);
        let containers = contained.keys().cloned().collect();
        let no_processes = contained.into_iter().filter(|(name, _)| self.is_the_projects(name)).collect();
        let mut left_out = Vec::new();
        let dispensable = self.dispensable(wanted, &services, &errors);
        // Where nothing would be left, it is not dispensable.
        let dispensable = if dispensable.len() < services.len() { dispensable } else { BTreeSet::new() };
        for name in dispensable {
            services.remove(&name);
            left_out.extend(errors.remove(&name));
        }
        let mut obstacles: Vec<StackError> =
            self.check_keys(&services, &containers).err().into_iter().collect();
        let mut faulty: BTreeSet<String> =
            if obstacles.is_empty() { BTreeSet::new() } else { services.clone() };
        for (name, error) in errors {
            obstacles.push(self.told_in_full(error, &name, wanted, &services));
            faulty.insert(name);
        }
        // What else may be wrong with it is told already.
        let (_, same) = self.claims(&services);
        if !same.is_empty() {
            obstacles.extend(same);
            faulty.clone_from(&services);
        }
        Ok(Looked { cast: Cast { services, left_out, containers, no_processes }, obstacles, faulty })
    }

    /// What is in the way of a service, with who needs it and why it is no container either.
    fn told_in_full(
        &self,
        error: StackError,
        name: &str,
        wanted: &[String],
        services: &BTreeSet<String>,
    ) -> StackError {
        let is_asked = wanted.iter().any(|one| one == name);
        let by = self.needs(name, services).filter(|_| !is_asked);
        let why = self.no_containers.map(str::to_owned);
        // What is not installed says by itself how it can be had.
        if !error.may_be_left_out() || (by.is_none() && matches!(error, StackError::NoNginx { .. })) {
            return error;
        }
        StackError::OnlyImage { obstacle: Box::new(error), by, why }
    }

    /// Those of `services` that run as containers, with why they are no processes, and what is wrong with others.
    fn checked(
        &self,
        services: &BTreeSet<String>,
    ) -> (BTreeMap<String, StackError>, BTreeMap<String, StackError>) {
        let (mut containers, mut errors) = (BTreeMap::new(), BTreeMap::new());
        for name in services {
            match self.check(name) {
                Ok(()) => {}
                Err(error) if self.contains && self.can_be_container(name, &error) => {
                    containers.insert(name.clone(), error);
                }
                Err(error) => {
                    errors.insert(name.clone(), error);
                }
            }
        }
        (containers, errors)
    }

    /// Those of `services` that run as containers where there are some.
    pub fn containers_among(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let is = |name: &&String| self.check(name).is_err_and(|error| self.can_be_container(name, &error));
        services.iter().filter(is).cloned().collect()
    }

    /// Whether a service that cannot run as a program because of `error` may run as a container.
    fn can_be_container(&self, name: &str, error: &StackError) -> bool {
        let service = self.environment.stack.services.get(name);
        let has_image = service.is_some_and(|service| {
            (service.image.is_some() || service.build.is_some()) && service.extension.command.is_none()
        });
        // Whose packages are not to be installed does not want them in an image, either.
        let is_uninstalled = !self.installs && matches!(error, StackError::NoProgram { .. });
        has_image && error.is_of_an_image() && !is_uninstalled
    }

    /// Whether the project builds a service itself.
    fn is_the_projects(&self, name: &str) -> bool {
        self.environment.stack.services.get(name).is_some_and(|service| service.build.is_some())
    }

    /// Whether one of the services that `wanted` asks for could run as a container, and as nothing else.
    pub fn wants_containers(&self, wanted: &[String]) -> Result<bool, StackError> {
        Ok(!self.containers_among(&self.named(wanted)?).is_empty())
    }

    /// Those of the services with errors that the others can do without, and nobody has asked for.
    fn dispensable(
        &self,
        wanted: &[String],
        services: &BTreeSet<String>,
        errors: &BTreeMap<String, StackError>,
    ) -> BTreeSet<String> {
        let optional = |name: &str| {
            self.environment.stack.services.get(name).is_some_and(|service| service.extension.optional)
        };
        let asked = |name: &str| wanted.iter().any(|one| one == name);
        let can = |(name, error): &(&String, &StackError)| {
            !asked(name) && (optional(name) || (wanted.is_empty() && error.may_be_left_out()))
        };
        let mut all: BTreeSet<String> = errors.iter().filter(can).map(|(name, _)| name.clone()).collect();
        loop {
            let rest: BTreeSet<String> = services.difference(&all).cloned().collect();
            let needed = |name: &&String| !optional(name) && self.needs(name, &rest).is_some();
            let Some(needed) = all.iter().find(needed).cloned() else { return all };
            all.remove(&needed);
        }
    }

    /// Those of `services` that can do without the `faulty` ones, where nobody has named any.
    pub fn rest(
        &self,
        wanted: &[String],
        services: &BTreeSet<String>,
        faulty: &BTreeSet<String>,
    ) -> Vec<String> {
        if !wanted.is_empty() {
            return Vec::new();
        }
        let stack = &self.environment.stack;
        let can = |name: &&String| stack.with_dependencies(&[(*name).clone()]).is_disjoint(faulty);
        services.iter().filter(can).cloned().collect()
    }

    /// Why not all of what `wanted` asks for can run, if that is so; first what no engine can mend.
    pub fn why_not(&self, wanted: &[String]) -> Result<Option<StackError>, StackError> {
        let services = self.named(wanted)?;
        let (containers, mut errors) = self.checked(&services);
        // What a provider runs for Compose no other engine knows, either.
        let dispensable = self.dispensable(wanted, &services, &errors);
        errors.retain(|name, error| {
            !matches!(error, StackError::Provided { .. }) || !dispensable.contains(name)
        });
        if let Err(error) = self.check_keys(&services, &containers.into_keys().collect()) {
            return Ok(Some(error));
        }
        let mut errors: Vec<StackError> = errors.into_values().collect();
        errors.sort_by_key(|error| !OF_ALL_ENGINES.contains(&error.code()));
        Ok(errors.into_iter().next())
    }

    /// The keys of these services that are not honoured here, a line each; `containers` are those that run as such.
    pub fn unhonoured(
        &self,
        services: &BTreeSet<String>,
        containers: &BTreeSet<String>,
        level: Level,
    ) -> Vec<String> {
        let kind = |name: &str| match name {
            name if self.is_database(name) => RunBy::Server,
            name if containers.contains(name) => RunBy::Container,
            _ => RunBy::Program,
        };
        let keys = self.environment.stack.unhonoured(services, &kind);
        let keys = keys.filter(|named| named.gap.level == level);
        keys.filter(|named| named.gap.when.holds_with(self.has_views(), self.has_addresses()))
            .map(ToString::to_string)
            .collect()
    }

    fn check_keys(
        &self,
        services: &BTreeSet<String>,
        containers: &BTreeSet<String>,
    ) -> Result<(), StackError> {
        let lines = self.unhonoured(services, containers, Level::Error);
        if lines.is_empty() { Ok(()) } else { Err(StackError::NotHonoured { lines }) }
    }

    /// The services that are asked for by name, with all that they depend on; none named means all.
    fn named(&self, wanted: &[String]) -> Result<BTreeSet<String>, StackError> {
        let stack = &self.environment.stack;
        NoService::check(stack, wanted.iter().chain(self.scale.keys()))?;
        Ok(stack.with_dependencies(wanted))
    }

    /// The one of `services` that cannot do without the service `name`, if one cannot.
    pub fn needs(&self, name: &str, services: &BTreeSet<String>) -> Option<String> {
        let mut all = services.iter().filter_map(|service| self.environment.stack.services.get(service));
        let needs = |service: &&Service| service.depends_on.get(name).is_some_and(|needed| needed.required);
        all.find(needs).map(|service| service.name.clone())
    }

    /// Why a service cannot run as a process of this machine, if it cannot.
    pub fn why_no_process(&self, name: &str) -> Option<StackError> {
        self.check(name).err()
    }

    /// Whether it is known what a service runs, and that this is on the machine.
    fn check(&self, name: &str) -> Result<(), StackError> {
        let Some(service) = self.environment.stack.services.get(name) else { return Ok(()) };
        if let Some(provider) = service.provider.clone().filter(|_| service.extension.command.is_none()) {
            let (service, at) = (name.to_owned(), service.location.clone());
            return Err(StackError::Provided { service, provider, at });
        }
        let container = Container::of(service, self.root);
        if self.is_database(name) || container.is_nginx() {
            if let Some(replicas) = self.scale.get(name).copied().filter(|count| *count > 1) {
                return Err(StackError::Scaled { service: name.to_owned(), replicas });
            }
            return if container.is_nginx() {
                self.nginx_program(name)?;
                self.check_front(&container)?;
                self.check_front_beyond(&container, &self.nginx_config(name)?.config)
            } else {
                Ok(())
            };
        }
        let command = process::words(&container, self.is_addressed(service))?;
        self.check_packages(service)?;
        if !self.is_addressed(service) {
            self.check_texts(&container, &command)?;
            self.check_beyond(&container, &command)?;
        }
        self.check_line(&container, &command)?;
        let surroundings = self.surroundings(service);
        self.program(&container, &command, &surroundings)?;
        let hooks = service.post_start.iter().chain(&service.pre_stop).map(|hook| &hook.command);
        let mut hooks = hooks.filter(|command| !command.is_empty());
        // Whose own program is here is not its image alone.
        hooks.try_for_each(|command| {
            let found = self.program(&container, command, &surroundings);
            found.map(drop).map_err(StackError::of_the_project)
        })
    }

    /// The addresses of this machine that these services publish, but for those at which databases listen themselves; and where
    /// two want the same one. What of a configuration cannot be read is told elsewhere, and leads nowhere.
    pub fn claims(&self, services: &BTreeSet<String>) -> (Vec<Claim>, Vec<StackError>) {
        let (mut claims, mut same) = (Vec::<Claim>::new(), Vec::new());
        if self.throwaway {
            return (claims, same);
        }
        for service in services.iter().filter_map(|name| self.environment.stack.services.get(name)) {
            let container = Container::of(service, self.root);
            let listens = if container.is_nginx() && !self.writes_its_own(&container) {
                // One that is published and not in its configuration leads nowhere.
                Some(self.nginx_config(&service.name).map(|front| front.listens).unwrap_or_default())
            } else {
                None
            };
            let is_listened = |target: &u16| listens.as_ref().is_none_or(|listens| listens.contains(target));
            for (_, address) in self.published(service).into_iter().filter(|(target, _)| is_listened(target))
            {
                let claim = Claim { service: service.name.clone(), address, at: service.location.clone() };
                let Some(first) = claims.iter().find(|other| other.overlaps(&claim)) else {
                    claims.push(claim);
                    continue;
                };
                let (port, first, second) = (address.port(), first.service.clone(), claim.service);
                let is_told = |error: &StackError| matches!(error, StackError::SamePort { port: told, second: by, .. } if *told == port && *by == second);
                if !same.iter().any(is_told) {
                    same.push(StackError::SamePort { port, first, second, at: claim.at });
                }
            }
        }
        (claims, same)
    }

    /// Where a service is published: the port in its container, and an address of this machine. A database listens at the
    /// first of its ports itself.
    pub fn published(&self, service: &Service) -> Vec<(u16, SocketAddr)> {
        let replicas = self.scale.get(&service.name).copied().unwrap_or(service.replicas);
        let mut all = service.published_at(replicas);
        if self.is_database(&service.name) {
            let own: BTreeSet<(u16, u16)> = service.published().collect();
            let is_here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
            all.retain(|(target, at)| !(own.contains(&(*target, at.port())) && is_here(at.ip())));
        }
        all
    }
}

/// Takes out those that need one that is not there. Nobody has asked for them. What is `optional` nobody needs.
pub(crate) fn drop_dependents(services: &mut Vec<ServiceRun>, optional: &dyn Fn(&str) -> bool) {
    let names: BTreeSet<String> = services.iter().map(|run| run.name.clone()).collect();
    for run in services.iter_mut() {
        run.depends_on.retain(|name, _| names.contains(name) || !optional(name));
    }
    loop {
        let count = services.len();
        let there: BTreeSet<String> = services.iter().map(|run| run.name.clone()).collect();
        services.retain(|run| {
            run.depends_on.iter().all(|(name, needed)| !needed.required || there.contains(name))
        });
        if services.len() == count {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
