//! What a service's file says of names and networks.

use backlot_yaml::{Entry, Location, Node};

use super::nodes::{text, texts};

/// Whose network a service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// Its own, in [`super::Service::networks`].
    Networks,
    /// The machine's.
    Host,
    /// None.
    None,
    /// That of another service.
    Service(String),
    /// Another word: `bridge`, `container:NAME`, the name of a network.
    Other(String),
}

/// A network that a service is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its key in [`super::Stack::networks`].
    pub name: String,
    /// What others on it call the service besides its name.
    pub aliases: Vec<String>,
}

/// A name for a service, or for a container of another project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The service or container.
    pub to: String,
    /// What it is called; its own name where the file gives no other.
    pub name: String,
}

/// A name for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// The address as written, without brackets, or `host-gateway`.
    pub value: String,
    /// Where it stands.
    pub at: Location,
}

/// A network of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name on the Docker host.
    pub name: String,
    /// Whether something else made it.
    pub external: bool,
}

pub(super) fn mode(service: &Node) -> NetworkMode {
    let Some(mode) = text(service, "network_mode") else { return NetworkMode::Networks };
    match mode.as_str() {
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        other => match other.strip_prefix("service:") {
            Some(service) => NetworkMode::Service(service.to_owned()),
            None => NetworkMode::Other(mode),
        },
    }
}

pub(super) fn joined(service: &Node) -> Vec<Joined> {
    let joined = |entry: &Entry| Joined { name: entry.key.clone(), aliases: texts(&entry.value, "aliases") };
    service.entries_of("networks").iter().map(joined).collect()
}

/// The links under a key: `db` or `db:name`.
pub(super) fn links(service: &Node, key: &str) -> Vec<Link> {
    let link = |text: String| {
        let (to, name) = text.split_once(':').unwrap_or((&text, &text));
        Link { to: to.to_owned(), name: name.to_owned() }
    };
    texts(service, key).into_iter().map(link).collect()
}

/// A mapping of names to one or several addresses, or a list of `name=address` or `name:address`.
pub(super) fn extra_hosts(service: &Node) -> Vec<ExtraHost> {
    let mut hosts = Vec::new();
    let mut add = |name: &str, addresses: &str, node: &Node| {
        for address in addresses.split(',') {
            let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
            let value = bare.unwrap_or(address).to_owned();
            hosts.push(ExtraHost { name: name.to_owned(), value, at: node.span.location() });
        }
    };
    for Entry { key, value, .. } in service.entries_of("extra_hosts") {
        for address in value.as_list().unwrap_or(std::slice::from_ref(value)) {
            add(key, &address.value.scalar_text().unwrap_or_default(), address);
        }
    }
    for item in service.items_of("extra_hosts") {
        let text = item.value.scalar_text().unwrap_or_default();
        let (name, addresses) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((&text, ""));
        add(name, addresses, item);
    }
    hosts
}
