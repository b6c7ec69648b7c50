//! What the containers of an environment have in common.

use std::collections::BTreeMap;

use backlot_containers::{Client, Image, Way};

/// What containers are run with.
#[derive(Debug, Clone)]
pub struct Containers {
    /// Who runs them.
    pub client: Client,
    /// The image of each service that is one.
    pub images: BTreeMap<String, Image>,
    /// How they reach each other and this machine.
    pub way: Way,
    /// At which of this machine's addresses they find each service that is none of them, by number.
    pub places: BTreeMap<String, usize>,
    /// What their names begin with.
    pub prefix: String,
    /// What those of its other things begin with, which no other environment has.
    pub mark: String,
}

impl Containers {
    /// Where a container finds a service that is no container on its own network.
    pub(crate) fn address_of(&self, service: &str) -> Option<String> {
        match &self.way {
            Way::Bridge { .. } if self.images.contains_key(service) => None,
            Way::Bridge { gateways, .. } => {
                let own = gateways.get(self.place_of(service)).or(gateways.first());
                own.map(|gateway| gateway.address.to_string())
            }
            Way::Loopback { host, .. } => Some(host.clone()),
        }
    }

    /// The number of the address at which they find a service.
    pub(crate) fn place_of(&self, service: &str) -> usize {
        self.places.get(service).copied().unwrap_or(0)
    }
}
