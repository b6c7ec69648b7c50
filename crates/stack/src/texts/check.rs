//! What cannot be rewritten, and must not stay.

use backlot_facts::address::Address;
use backlot_facts::container::Container;
use backlot_postgres::DEFAULT_PORT;
use backlot_project::stack::HealthTest;

use crate::{error::StackError, translation::Translation};

impl Translation<'_> {
    /// What of a service would lead to a database that is not this environment's, and cannot be corrected.
    pub(crate) fn check_texts(&self, container: &Container<'_>, words: &[String]) -> Result<(), StackError> {
        let Some(address) = self.address() else { return Ok(()) };
        let mut said = self.said(container);
        let mut corrected = said.clone();
        address.set_pairs(said.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut corrected);
        said.retain(|name, value| corrected.get(name) == Some(value));
        let variables = said.into_iter().map(|(name, value)| (format!("its variable {name}"), value));
        let command = ("its command".to_owned(), words.join(" "));
        let check = container.healthcheck().and_then(|check| check.test);
        let check = check.map(|test| match test {
            HealthTest::Command(words) => words.join(" "),
            HealthTest::Shell(line) => line,
        });
        let check = check.map(|text| ("its health check".to_owned(), text));
        // One that is at that port itself asks itself.
        let listens = container.ports().contains(&DEFAULT_PORT);
        let mut all = variables.chain([command].into_iter().chain(check).filter(|_| !listens));
        match all.find(|(_, text)| leads_elsewhere(&address, &address.led(text))) {
            None => Ok(()),
            Some((what, _)) => {
                let (service, at) = (container.service.name.clone(), container.service.location.clone());
                Err(StackError::LeadsElsewhere { service, what, at })
            }
        }
    }
}

/// Whether a text still leads to the database that this machine usually has.
fn leads_elsewhere(address: &Address<'_>, text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    address.port != DEFAULT_PORT
        && numbers.any(|number| number == DEFAULT_PORT.to_string())
        && address.here.iter().any(|name| lower.contains(name))
}

#[cfg(test)]
mod tests {
    use backlot_facts::address::{Address, HERE};

    use super::leads_elsewhere;

    #[test]
    fn what_cannot_be_understood_and_leads_elsewhere_is_found() {
        let throwaway = Address { service: "db", host: "127.0.0.1", port: 20_001, here: &HERE };
        let text = r#"{"host": "localhost", "port": 5432}"#;
        assert!(leads_elsewhere(&throwaway, &throwaway.led(text)));
        assert!(!leads_elsewhere(&Address { here: &[], ..throwaway }, text));
        for text in ["localhost:8000", "db:5432", "postgres://localhost:5432/a", "localhost 15432"] {
            assert!(!leads_elsewhere(&throwaway, &throwaway.led(text)), "{text}");
        }
    }
}
