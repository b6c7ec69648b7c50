//! Services that have the volumes of others (`volumes_from`).

use std::collections::BTreeMap;

use backlot_yaml::Node;

use super::nodes::texts;
use super::{Mount, MountKind, Service};

/// What is before the name of a container that is none of the stack's services.
const CONTAINER: &str = "container:";

/// Gives services the mounts of those whose volumes they are to have, but for what they mount at the same path themselves. A volume
/// without a name that is shared so is given one.
pub(super) fn take_volumes(services: &mut BTreeMap<String, Service>, model: &Node) {
    let asked: BTreeMap<&str, Vec<(String, bool)>> = model
        .entries_of("services")
        .iter()
        .map(|entry| {
            (
                entry.key.as_str(),
                texts(&entry.value, "volumes_from").iter().filter_map(|text| named(text)).collect(),
            )
        })
        .collect();
    for (owner, _) in asked.values().flatten() {
        if let Some(service) = services.get_mut(owner) {
            service.volumes.iter_mut().for_each(|mount| name(mount, owner));
        }
    }
    // As often as services stand behind each other at most.
    for _ in 0..asked.len() {
        for (taker, owners) in &asked {
            let taken: Vec<Mount> =
                owners.iter().flat_map(|(owner, read_only)| given(services, owner, *read_only)).collect();
            let Some(service) = services.get_mut(*taker) else { continue };
            for mount in taken {
                if !service.volumes.iter().any(|own| own.target == mount.target) {
                    service.volumes.push(mount);
                }
            }
        }
    }
}

/// `web` or `web:ro`: the service, and whether its volumes are only read.
fn named(text: &str) -> Option<(String, bool)> {
    if text.starts_with(CONTAINER) {
        return None;
    }
    let (name, mode) = text.split_once(':').unwrap_or((text, "rw"));
    Some((name.to_owned(), mode == "ro"))
}

/// The mounts that others may have.
fn given(services: &BTreeMap<String, Service>, owner: &str, read_only: bool) -> Vec<Mount> {
    let mounts = services.get(owner).map(|service| service.volumes.as_slice()).unwrap_or_default();
    let shared = mounts.iter().filter(|mount| !matches!(mount.kind, MountKind::Tmpfs { .. }));
    shared.map(|mount| Mount { read_only: read_only || mount.read_only, ..mount.clone() }).collect()
}

fn name(mount: &mut Mount, owner: &str) {
    if let MountKind::Volume { source: source @ None } = &mut mount.kind {
        *source = Some(format!("{owner}{}", mount.target.replace('/', "-")));
    }
}

#[cfg(test)]
mod tests {
    use crate::readers::stack;

    #[test]
    fn volumes_of_others_are_taken_through_each_other() {
        let text = "\
services:
  store: {image: a, volumes: ['data:/data', './here:/here:ro', /unnamed/deep], tmpfs: /memory}
  first: {image: a, volumes_from: ['store:ro'], volumes: ['own:/here']}
  second: {image: a, volumes_from: [first, 'container:other']}
volumes: {data: , own: }
";
        let stack = stack(text).unwrap();
        let mounts = |name: &str| -> Vec<String> {
            let mounts = stack.services[name].volumes.iter();
            mounts.map(|mount| format!("{} {:?} {}", mount.target, mount.kind, mount.read_only)).collect()
        };
        let own = "/here Volume { source: Some(\"own\") } false";
        let data = "/data Volume { source: Some(\"data\") } true";
        let unnamed = "/unnamed/deep Volume { source: Some(\"store-unnamed-deep\") } true";
        assert_eq!(mounts("first"), [own, data, unnamed]);
        assert_eq!(mounts("second"), [own, data, unnamed]);
        assert!(
            mounts("store")[2].ends_with("Some(\"store-unnamed-deep\") } false"),
            "{:?}",
            mounts("store")
        );
        assert_eq!(mounts("store").len(), 4);
    }
}
