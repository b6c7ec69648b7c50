//! What variables say of hosts and ports.

use std::collections::BTreeMap;

use backlot_facts::address::HOST_ENDS;
use backlot_facts::container::Container;
use backlot_facts::references::replaced;
use backlot_facts::variables::ABOVE_HOST;
use backlot_state::DatabaseRecord;

use crate::{ports::Ports, translation::Translation};

/// Variables that tell where the database is, host and port.
pub(super) const DATABASE_PLACES: [(&str, &str); 3] =
    [("POSTGRES_HOSTNAME", "POSTGRES_PORT"), ("POSTGRES_HOST", "POSTGRES_PORT"), ("PGHOST", "PGPORT")];

impl Translation<'_> {
    /// What the project's files give a service's program.
    pub(crate) fn variables_for_here(
        &self,
        container: &Container<'_>,
        ports: &Ports,
    ) -> BTreeMap<String, String> {
        let others = self.other_addresses();
        let own = self.own_variables(self.database().map(DatabaseRecord::access).as_ref(), &others);
        let (names, compose, said) = (self.names(), &container.service.environment, self.said(container));
        let mut all = own.clone();
        for (name, value) in &said {
            let value = match compose.get(name) {
                Some(Some(_)) => {
                    replaced(&self.native(name, value, ports, compose), &names, &ports.endpoints)
                }
                Some(None) | None => value.clone(),
            };
            all.insert(name.clone(), loopback(self.led(&value)));
        }
        self.keep_database(&own, compose, &mut all);
        for address in self.address().filter(|_| self.database().is_some()).into_iter().chain(others) {
            address.set_pairs(said.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut all);
        }
        // In what is thrown away, a program that asks for no place must not find another environment's database.
        let keeps_apart = |name: &str| self.throwaway && matches!(name, "PGHOST" | "PGPORT");
        all.retain(|name, _| self.is_told(name, &said) || keeps_apart(name));
        all
    }

    /// A variable that is a service's name, or the port beside such a one.
    fn native(
        &self,
        name: &str,
        value: &str,
        ports: &Ports,
        compose: &BTreeMap<String, Option<String>>,
    ) -> String {
        if self.environment.stack.services.contains_key(value)
            && HOST_ENDS.iter().any(|end| name.to_ascii_uppercase().ends_with(end))
        {
            return "127.0.0.1".into();
        }
        let port: Option<u16> = value.parse().ok();
        let host = name.strip_suffix("PORT").and_then(|stem| {
            HOST_ENDS.iter().find_map(|end| compose.get(&format!("{stem}{end}"))?.as_deref())
        });
        let endpoint = host.zip(port).and_then(|(host, port)| ports.endpoints.get(&(host.to_owned(), port)));
        endpoint.map_or_else(|| value.to_owned(), u16::to_string)
    }

    /// The database is where it really is, whatever a file for containers says of it; unless that means another one.
    fn keep_database(
        &self,
        own: &BTreeMap<String, String>,
        compose: &BTreeMap<String, Option<String>>,
        all: &mut BTreeMap<String, String>,
    ) {
        let Some(database) = self.database() else { return };
        if self.throwaway {
            all.retain(|name, _| !ABOVE_HOST.contains(&name.as_str()));
        }
        for (host, port) in DATABASE_PLACES {
            let said = compose.get(host).and_then(Option::as_deref);
            if said.is_none_or(|said| said == database.service || matches!(said, "localhost" | "127.0.0.1")) {
                for name in [host, port] {
                    all.extend(own.get(name).map(|value| (name.to_owned(), value.clone())));
                }
            }
        }
    }
}

/// Nothing listens beyond the loopback interface.
fn loopback(value: String) -> String {
    if value == "0.0.0.0" { "127.0.0.1".into() } else { value }
}
