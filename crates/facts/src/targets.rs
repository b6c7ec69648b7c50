//! At which ports services listen in their containers, and which of them an nginx passes requests to: what their files
//! tell, for an engine that runs them as containers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backlot_nginx::Config;
use backlot_postgres::DEFAULT_PORT;
use backlot_project::Stack;

use crate::container::Container;
use crate::front::source;
use crate::image::is_postgres;
use crate::references::referred;

/// What the files tell of a stack's services.
#[derive(Debug, Default)]
pub struct Targets {
    /// The ports of each service.
    pub ports: BTreeMap<String, BTreeSet<u16>>,
    /// The services that each nginx passes requests to.
    pub fronts: BTreeMap<String, BTreeSet<String>>,
}

impl Targets {
    /// Reads them. An nginx configuration that cannot be read tells nothing; nginx itself will say why.
    pub fn of(stack: &Stack, root: &Path) -> Self {
        let names: BTreeSet<&str> = stack.services.keys().map(String::as_str).collect();
        let mut targets = Self::default();
        for (name, service) in &stack.services {
            let container = Container::of(service, root);
            let mut ports = container.ports();
            if is_postgres(service) {
                ports.insert(DEFAULT_PORT);
            }
            for value in service.environment.values().flatten() {
                targets.refer(referred(value, &names));
            }
            if container.is_nginx() {
                let (references, listens) = nginx(&container, &names);
                let behind = references.iter().map(|(service, _)| service.clone()).collect();
                targets.fronts.insert(name.clone(), behind);
                targets.refer(references);
                ports.extend(listens);
            }
            targets.ports.entry(name.clone()).or_default().extend(ports);
        }
        targets
    }

    fn refer(&mut self, references: BTreeSet<(String, u16)>) {
        for (service, port) in references {
            self.ports.entry(service).or_default().insert(port);
        }
    }
}

/// The services and ports that an nginx passes requests to, and the ports that it listens on.
fn nginx(container: &Container<'_>, names: &BTreeSet<&str>) -> (BTreeSet<(String, u16)>, BTreeSet<u16>) {
    let Ok(config) = Config::read(&source(container, container.environment())) else {
        return (BTreeSet::new(), BTreeSet::new());
    };
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    (config.references(&names).unwrap_or_default(), config.listens())
}
