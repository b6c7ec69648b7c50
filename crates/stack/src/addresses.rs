//! The addresses that services have for each other, and the names that lead to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use backlot_facts::names::{Named, names};
use backlot_project::Service;
use backlot_project::stack::NetworkMode;
use backlot_state::short_hash;
use backlot_supervisor::AddressPlan;
use backlot_view::{Called, Mount, What};

use crate::{error::StackError, translation::Translation};

/// Where programs look names up first.
const HOSTS: &str = "/etc/hosts";
/// The parts of the loopback network that environments share: others in there are the machine's.
const NETS: std::ops::Range<u8> = 16..251;
/// So many services can have an address; those above are replicas'.
const SERVICES: u16 = 0x7fff;
/// The last half of the address that stands for the machine.
const MACHINE: [u8; 2] = [0xff, 0xfe];

impl Translation<'_> {
    /// Whether the programs of a service have addresses of their own.
    pub(crate) fn is_addressed(&self, service: &Service) -> bool {
        !self.is_database(&service.name) && service.network_mode != NetworkMode::Host && self.has_addresses()
    }

    /// What a service takes its machine to be called, if its file says that; where it has names at all.
    pub(crate) fn called(&self, service: &Service) -> Option<Called> {
        let (host, domain) = (service.hostname.clone(), service.domainname.clone());
        ((host.is_some() || domain.is_some()) && self.has_addresses()).then_some(Called { host, domain })
    }

    /// The service whose addresses a service has instead of its own.
    pub(crate) fn addresses_of(&self, service: &Service) -> Option<String> {
        match &service.network_mode {
            NetworkMode::Service(other) if self.is_addressed(service) => Some(other.clone()),
            NetworkMode::Service(_)
            | NetworkMode::Networks
            | NetworkMode::Host
            | NetworkMode::None
            | NetworkMode::Other(_) => None,
        }
    }

    /// The addresses of the environment, and all names that lead to them.
    pub(crate) fn address_plan(&self) -> Option<AddressPlan> {
        let mut plan = self.addresses()?;
        for service in self.environment.stack.services.values() {
            for (name, named) in names(service, &self.environment.stack) {
                let leads = match named {
                    Named::Service(service) => plan.services.get(service).copied(),
                    Named::Machine => Some(plan.machine),
                    // Those are its own, and in its hosts file.
                    Named::Addresses(_) | Named::Itself => None,
                };
                leads.map(|leads| plan.names.entry(name).or_insert(leads));
            }
        }
        Some(plan)
    }

    /// The same addresses each time, as long as no two services want the same.
    pub(crate) fn addresses(&self) -> Option<AddressPlan> {
        if !self.has_addresses() {
            return None;
        }
        let number = number_of(self.site.dir().as_os_str().as_encoded_bytes());
        let net = NETS.start + u8::try_from(number % u64::from(NETS.end - NETS.start)).unwrap_or_default();
        let address = |[high, low]: [u8; 2]| Ipv4Addr::new(127, net, high, low);
        let mut taken = BTreeSet::new();
        let mut services = BTreeMap::new();
        for name in self.environment.stack.services.keys() {
            let mut place =
                u16::try_from(number_of(name.as_bytes()) % u64::from(SERVICES)).unwrap_or_default();
            while !taken.insert(place) {
                place = (place + 1) % SERVICES;
            }
            services.insert(name.clone(), address((place + 1).to_be_bytes()));
        }
        Some(AddressPlan { machine: address(MACHINE), services, names: BTreeMap::new() })
    }

    /// The names that a service knows, where it looks for them. The file stays the same one, so that those that run see who comes.
    pub(crate) fn hosts(&self, service: &Service) -> Result<Option<Mount>, StackError> {
        if self.is_addressed(service) { self.hosts_beside(service) } else { Ok(None) }
    }

    /// The same for a command beside any service: beside a server, too.
    pub fn hosts_beside(&self, service: &Service) -> Result<Option<Mount>, StackError> {
        let Some(plan) = self.addresses().filter(|_| service.network_mode != NetworkMode::Host) else {
            return Ok(None);
        };
        let folder = self.site.live().join("hosts");
        let path = folder.join(&service.name);
        if self.writes {
            let text = text(&names(service, &self.environment.stack), &service.name, &plan);
            write(&folder, &path, &text)
                .map_err(|source| StackError::Write { path: path.clone(), source })?;
        }
        Ok(Some(Mount { target: HOSTS.into(), what: What::Path(path), read_only: false }))
    }
}

/// A number that stands for a name.
fn number_of(name: &[u8]) -> u64 {
    u64::from_str_radix(&short_hash(name), 16).unwrap_or_default()
}

fn text(names: &BTreeMap<String, Named<'_>>, service: &str, plan: &AddressPlan) -> String {
    let own = plan.services.get(service).copied().unwrap_or(Ipv4Addr::LOCALHOST);
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    let mut line = |address: &dyn std::fmt::Display, name: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{address} {name}");
    };
    if let Ok(called) = nix::unistd::gethostname() {
        let called = called.to_string_lossy().to_ascii_lowercase();
        if !called.is_empty() && !names.contains_key(&called) && called != "localhost" {
            line(&own, &called);
        }
    }
    for (name, named) in names {
        match named {
            Named::Service(service) => {
                plan.services.get(*service).into_iter().for_each(|address| line(address, name));
            }
            Named::Machine => line(&plan.machine, name),
            Named::Addresses(addresses) => addresses.iter().for_each(|address| line(address, name)),
            Named::Itself => line(&own, name),
        }
    }
    text
}

/// Writes over what is there: whoever has the file mounted has that one.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    if backlot_files::text(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use backlot_facts::names::Named;
    use backlot_supervisor::AddressPlan;

    #[test]
    fn a_name_is_a_line() {
        let address = Ipv4Addr::new(127, 20, 1, 2);
        let plan = AddressPlan {
            machine: Ipv4Addr::new(127, 20, 255, 254),
            services: BTreeMap::from([("db".to_owned(), address)]),
            names: BTreeMap::new(),
        };
        let names = BTreeMap::from([
            ("db".to_owned(), Named::Service("db")),
            ("database".to_owned(), Named::Service("db")),
            ("gone".to_owned(), Named::Service("gone")),
            ("host.docker.internal".to_owned(), Named::Machine),
            ("far".to_owned(), Named::Addresses(vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()])),
            ("web".to_owned(), Named::Itself),
        ]);
        let text = super::text(&names, "db", &plan);
        for line in [
            "127.20.1.2 db\n",
            "127.20.1.2 database\n",
            "127.20.255.254 host.docker.internal\n",
            "10.0.0.1 far\n10.0.0.2 far\n",
            "127.20.1.2 web\n",
            "127.0.0.1 localhost\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("gone"));
    }
}
