//! Values that a stack takes from the environment when it starts, and not from its files.

use std::collections::BTreeMap;

use super::{FileSource, Stack};

impl Stack {
    /// The same with those of `seen`, what interpolation sees, that it takes.
    #[must_use]
    pub(crate) fn given_by(mut self, seen: &BTreeMap<String, String>) -> Self {
        let of_files = self.secrets.values().chain(self.configs.values()).filter_map(|source| match source {
            FileSource::Environment(name) => Some(name),
            FileSource::File(_) | FileSource::Content(_) | FileSource::External(_) => None,
        });
        let variables = self.services.values().flat_map(|service| &service.environment);
        let of_services = variables.filter_map(|(name, value)| value.is_none().then_some(name));
        let names = of_files.chain(of_services);
        self.given = names.filter_map(|name| Some((name.clone(), seen.get(name)?.clone()))).collect();
        self
    }

    /// The value of a variable that a secret, a config or a service takes from the environment.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }
}
