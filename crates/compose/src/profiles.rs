//! Which services the profiles leave.

use std::collections::BTreeSet;

use backlot_yaml::{Map, Node};

/// What the profiles make of a model.
pub(crate) struct Profiles {
    /// The profiles that are on.
    pub(crate) active: Vec<String>,
    /// The services that are there only because one of them is asked for by name.
    pub(crate) on_call: BTreeSet<String>,
    /// The services that no active profile switches on.
    pub(crate) disabled: Map,
}

/// Takes out the services that no active profile switches on. Those that are `named` switch their profiles on.
pub(crate) fn apply_profiles(model: &mut Node, active: &[String], named: &[String]) -> Profiles {
    let mut profiles =
        Profiles { active: active.to_vec(), on_call: BTreeSet::new(), disabled: Map::default() };
    let Some(services) = model.get_mut("services").and_then(Node::as_map_mut) else { return profiles };
    for service in named.iter().filter_map(|name| services.get(name)).filter(|node| !is_on(node, active)) {
        profiles.active.extend(of_service(service).map(str::to_owned));
    }
    for entry in std::mem::take(&mut services.entries) {
        if is_on(&entry.value, active) {
            services.push(entry);
        } else if is_on(&entry.value, &profiles.active) {
            profiles.on_call.insert(entry.key.clone());
            services.push(entry);
        } else {
            profiles.disabled.push(entry);
        }
    }
    profiles
}

fn of_service(service: &Node) -> impl Iterator<Item = &str> {
    service.items_of("profiles").iter().filter_map(Node::as_str)
}

fn is_on(service: &Node, active: &[String]) -> bool {
    let is_active = |profile: &str| active.iter().any(|active| active == "*" || active == profile);
    of_service(service).next().is_none() || of_service(service).any(is_active)
}
