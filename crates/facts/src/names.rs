//! The names that a service knows, as Docker Compose has them: of the services on its networks, its own, and those that
//! its file gives to addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use backlot_project::stack::{ExtraHost, NetworkMode};
use backlot_project::{Service, Stack};

/// What Docker Desktop calls the machine in every container.
const MACHINE: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// Docker's own word for the machine among the addresses of `extra_hosts`.
const GATEWAY: &str = "host-gateway";

/// The machine as every container of Docker's default network sees it; files name it where `host-gateway` is too new.
const BRIDGE_GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));

/// On Docker's default network nobody has a name but by links.
const NAMELESS: [&str; 2] = ["bridge", "default"];

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named<'a> {
    /// A service of the stack, which may be the one that asks.
    Service(&'a str),
    /// The machine itself.
    Machine,
    /// Addresses that the file says.
    Addresses(Vec<IpAddr>),
    /// The service that asks: its hostname.
    Itself,
}

/// All names that a service knows, in small letters: names have no case. One that cannot stand in a hosts file is left out.
///
/// In the order in which a container looks for a name: `extra_hosts` and its own hostname, which are in its `/etc/hosts`; its
/// links; then what Docker calls the others on its networks, each of which is also known as `name.network`. Where two services
/// have one alias Docker takes turns, and here the first one has it.
///
/// A service without a network knows itself alone. One with the machine's network is told `extra_hosts`, and looks names up as
/// the machine does; none of the others knows it. One with the network of another service knows what that one knows:
/// [`Named::Itself`] is the other one then, which is the same.
pub fn names<'a>(service: &'a Service, stack: &'a Stack) -> BTreeMap<String, Named<'a>> {
    let service = holder(service, stack);
    let mut known = Known::default();
    match service.network_mode {
        NetworkMode::Host => known.extra_hosts(service),
        NetworkMode::None | NetworkMode::Service(_) => known.own(service),
        NetworkMode::Networks | NetworkMode::Other(_) => {
            known.extra_hosts(service);
            known.own(service);
            known.links(service, stack);
            known.others(service, stack);
            for name in MACHINE {
                known.add(name, Named::Machine);
            }
        }
    }
    known.names
}

/// The members of `extra_hosts` whose value is no address: Docker makes no container with one.
pub fn without_address(service: &Service) -> impl Iterator<Item = &ExtraHost> {
    service.extra_hosts.iter().filter(|host| host.value != GATEWAY && host.value.parse::<IpAddr>().is_err())
}

/// Whether two services can reach each other: they share a network, or one has the network of the other.
pub fn share_network(one: &Service, other: &Service, stack: &Stack) -> bool {
    let (one, other) = (holder(one, stack), holder(other, stack));
    let both = [&one.network_mode, &other.network_mode];
    one.name == other.name
        || both.iter().all(|mode| **mode == NetworkMode::Host)
        || !shared(one, other, stack).is_empty()
}

/// The services that share no network with others that come after them, and these. What no container is made of is on none.
pub fn apart(stack: &Stack) -> BTreeMap<&str, Vec<&str>> {
    let all: Vec<&Service> = stack.services.values().filter(|service| service.provider.is_none()).collect();
    let pairs = all.iter().enumerate().map(|(at, one)| {
        let others = all[at + 1..].iter().filter(|other| !share_network(one, other, stack));
        (one.name.as_str(), others.map(|other| other.name.as_str()).collect::<Vec<_>>())
    });
    pairs.filter(|(_, others)| !others.is_empty()).collect()
}

#[derive(Default)]
struct Known<'a> {
    names: BTreeMap<String, Named<'a>>,
}

impl<'a> Known<'a> {
    /// What is known already stays.
    fn add(&mut self, name: &str, named: Named<'a>) {
        let is_name =
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#');
        if is_name {
            self.names.entry(name.to_ascii_lowercase()).or_insert(named);
        }
    }

    /// A name with several addresses has all of them; if one is the machine's, that is enough.
    fn extra_hosts(&mut self, service: &Service) {
        for host in &service.extra_hosts {
            let same =
                || service.extra_hosts.iter().filter(|other| other.name.eq_ignore_ascii_case(&host.name));
            let addresses: Vec<IpAddr> = same().filter_map(|one| one.value.parse().ok()).collect();
            if addresses.contains(&BRIDGE_GATEWAY) || same().any(|one| one.value == GATEWAY) {
                self.add(&host.name, Named::Machine);
            } else if !addresses.is_empty() {
                self.add(&host.name, Named::Addresses(addresses));
            }
        }
    }

    /// Docker writes the whole of it and its first part.
    fn own(&mut self, service: &Service) {
        let Some(hostname) = &service.hostname else { return };
        let whole =
            service.domainname.iter().fold(hostname.clone(), |name, domain| format!("{name}.{domain}"));
        self.add(&whole, Named::Itself);
        self.add(hostname, Named::Itself);
        self.add(hostname.split('.').next().unwrap_or(hostname), Named::Itself);
    }

    /// A link is a name, and no way: it leads to what is on a network with the service.
    fn links(&mut self, service: &'a Service, stack: &'a Stack) {
        for link in &service.links {
            let Some(to) = stack.services.get(&link.to) else { continue };
            if !shared(service, to, stack).is_empty() {
                self.add(&link.name, Named::Service(&to.name));
                self.add(&format!("{}-1", to.name), Named::Service(&to.name));
                self.add(&default_name(to, stack), Named::Service(&to.name));
            }
        }
        for link in &service.external_links {
            let to = stack.services.values().find(|to| container_name(to, stack) == link.to);
            if let Some(to) = to.filter(|to| !shared(service, to, stack).is_empty()) {
                self.add(&link.name, Named::Service(&to.name));
            }
        }
    }

    /// The name of a service goes before what others are called.
    fn others(&mut self, service: &'a Service, stack: &'a Stack) {
        let mut later = Vec::new();
        for other in stack.services.values() {
            for (network, aliases) in shared(service, other, stack) {
                if NAMELESS.contains(&network) {
                    continue;
                }
                self.add_on(network, &other.name, &other.name);
                later.push((0, other, network, container_name(other, stack)));
                later.extend(aliases.iter().map(|alias| (1, other, network, alias.clone())));
                later.extend(other.hostname.iter().map(|name| (2, other, network, name.clone())));
            }
        }
        later.sort_by_key(|(rank, ..)| *rank);
        for (_, other, network, name) in later {
            self.add_on(network, &name, &other.name);
        }
    }

    fn add_on(&mut self, network: &str, name: &str, service: &'a str) {
        self.add(name, Named::Service(service));
        self.add(&format!("{name}.{network}"), Named::Service(service));
    }
}

/// The service whose network a service has: itself, or the one that `network_mode` leads to in the end.
fn holder<'a>(service: &'a Service, stack: &'a Stack) -> &'a Service {
    let mut passed = BTreeSet::new();
    let mut at = service;
    while passed.insert(&at.name) {
        let next = match &at.network_mode {
            NetworkMode::Service(name) => stack.services.get(name),
            NetworkMode::Other(mode) => mode.strip_prefix("container:").and_then(|container| {
                stack.services.values().find(|other| container_name(other, stack) == container)
            }),
            NetworkMode::Networks | NetworkMode::Host | NetworkMode::None => None,
        };
        let Some(next) = next else { break };
        at = next;
    }
    at
}

/// The networks that two services are both on, by their names on the Docker host, with the aliases that the second has there.
fn shared<'a>(one: &'a Service, other: &'a Service, stack: &'a Stack) -> BTreeMap<&'a str, &'a [String]> {
    let own = networks(one, stack);
    networks(other, stack).into_iter().filter(|(network, _)| own.contains_key(network)).collect()
}

fn networks<'a>(service: &'a Service, stack: &'a Stack) -> BTreeMap<&'a str, &'a [String]> {
    match &service.network_mode {
        NetworkMode::Networks => {
            let name = |key: &'a String| stack.networks.get(key).map_or(key, |network| &network.name);
            let joined = service.networks.iter();
            joined.map(|one| (name(&one.name).as_str(), one.aliases.as_slice())).collect()
        }
        NetworkMode::Other(mode) if !mode.starts_with("container:") => [(mode.as_str(), &[][..])].into(),
        NetworkMode::Other(_) | NetworkMode::Service(_) | NetworkMode::Host | NetworkMode::None => {
            BTreeMap::new()
        }
    }
}

fn container_name(service: &Service, stack: &Stack) -> String {
    service.container_name.clone().unwrap_or_else(|| default_name(service, stack))
}

fn default_name(service: &Service, stack: &Stack) -> String {
    format!("{}-{}-1", stack.name, service.name)
}

#[cfg(test)]
mod tests;
