//! Which ports each service has inside of its container, and at which of this machine each is reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use backlot_facts::container::Container;
use backlot_facts::references::{Endpoints, referred};
use backlot_process::{free_ports_from, try_port};
use backlot_project::stack::Protocol as PortProtocol;
use backlot_state::{DatabaseRecord, usual_port_of};
use backlot_supervisor::PortRun;

use crate::{error::StackError, translation::Translation};

/// The endpoints of a stack.
#[derive(Debug)]
pub(crate) struct Ports {
    /// The native port of each container port of each service.
    pub(crate) endpoints: Endpoints,
    /// The container ports of each service.
    targets: BTreeMap<String, BTreeSet<u16>>,
    /// Those that the Compose file publishes.
    published: BTreeSet<(String, u16)>,
    /// Where else it does.
    also: BTreeMap<(String, u16), Vec<SocketAddr>>,
}

impl Ports {
    pub(crate) fn choose(
        translation: &Translation<'_>,
        containers: &BTreeMap<&str, Container<'_>>,
        wanted: &BTreeSet<String>,
    ) -> Result<Self, StackError> {
        let mut targets: BTreeMap<String, BTreeSet<u16>> =
            containers.iter().map(|(name, container)| ((*name).to_owned(), container.ports())).collect();
        let names = translation.names();
        for (name, own) in &mut targets {
            own.extend(translation.contained(name).into_iter().flat_map(|(_, image)| &image.ports));
        }
        for container in containers.values() {
            let mut found = BTreeSet::new();
            for value in container.service.environment.values().flatten() {
                found.extend(referred(value, &names));
            }
            if container.is_nginx() && translation.contained(&container.service.name).is_none() {
                let name = &container.service.name;
                match translation.nginx_config(name) {
                    Ok(front) => {
                        found.extend(front.references);
                        targets.entry(name.clone()).or_default().extend(front.listens);
                    }
                    Err(error) if wanted.contains(name) => return Err(error),
                    Err(_) => {}
                }
            }
            for (service, port) in found {
                targets.entry(service).or_default().insert(port);
            }
        }
        let mut ports =
            Self { endpoints: Endpoints::new(), targets, published: BTreeSet::new(), also: BTreeMap::new() };
        translation.running.iter().for_each(|database| ports.take_database(database));
        ports.take_published(translation, containers);
        ports.take_free(translation)?;
        Ok(ports)
    }

    fn take_database(&mut self, database: &DatabaseRecord) {
        self.targets.insert(database.service.clone(), [database.inside_port].into());
        let key = (database.service.clone(), database.inside_port);
        self.published.insert(key.clone());
        self.endpoints.insert(key, database.port);
    }

    fn take_published(&mut self, translation: &Translation<'_>, containers: &BTreeMap<&str, Container<'_>>) {
        for (name, container) in containers {
            let service = container.service;
            let fixed = if translation.throwaway { Vec::new() } else { translation.published(service) };
            let is_database = translation.is_database(name);
            let tcp = service.ports.iter().filter(|port| port.protocol == PortProtocol::Tcp);
            for port in tcp.filter(|port| !is_database && (port.published.is_none() || translation.throwaway))
            {
                self.published.insert(((*name).to_owned(), port.target));
            }
            for (target, address) in fixed {
                let key = ((*name).to_owned(), target);
                let is_first = address.ip() == Ipv4Addr::LOCALHOST && !self.endpoints.contains_key(&key);
                if is_first && !is_database {
                    self.endpoints.insert(key.clone(), address.port());
                    self.published.insert(key);
                } else {
                    self.also.entry(key).or_default().push(address);
                }
            }
        }
    }

    /// The rest gets free ports: those that it has now, else the same each time, as far as they are free.
    fn take_free(&mut self, translation: &Translation<'_>) -> Result<(), StackError> {
        let keys: Vec<(String, u16)> = self
            .targets
            .iter()
            .flat_map(|(service, ports)| ports.iter().map(move |port| (service.clone(), *port)))
            .filter(|key| !self.endpoints.contains_key(key))
            .collect();
        let mut taken: BTreeSet<u16> = self.endpoints.values().copied().collect();
        for key in keys {
            if translation.is_database(&key.0) {
                continue;
            }
            let current = translation.current.get(&key).copied();
            let port = match current {
                Some(port) => port,
                None => free_port(translation, &key, &taken)
                    .ok_or_else(|| StackError::NoPort { service: key.0.clone() })?,
            };
            taken.insert(port);
            self.endpoints.insert(key, port);
        }
        Ok(())
    }

    /// The container ports of a service.
    pub(crate) fn of(&self, service: &str) -> BTreeSet<u16> {
        self.targets.get(service).cloned().unwrap_or_default()
    }

    /// The ports of a service, ready to be run.
    pub(crate) fn runs(&self, container: &Container<'_>, translation: &Translation<'_>) -> Vec<PortRun> {
        let name = &container.service.name;
        let run = |target: u16| {
            let key = (name.clone(), target);
            let endpoint = *self.endpoints.get(&key)?;
            let also = self.also.get(&key).cloned().unwrap_or_default();
            let own: SocketAddr = (Ipv4Addr::LOCALHOST, endpoint).into();
            let taken: Vec<SocketAddr> = also.iter().copied().chain([own]).collect();
            Some(PortRun {
                target,
                endpoint,
                published: self.published.contains(&key),
                inside: translation.reached_inside(name, target, &taken),
                also,
                protocol: container.protocol(target),
            })
        };
        self.of(name).into_iter().filter_map(run).collect()
    }
}

fn free_port(translation: &Translation<'_>, key: &(String, u16), taken: &BTreeSet<u16>) -> Option<u16> {
    let name = format!("{}\0{}\0{}", translation.site.dir().display(), key.0, key.1);
    free_ports_from(usual_port_of(name.as_bytes()))
        .find(|port| !taken.contains(port) && try_port(*port).is_ok())
}
