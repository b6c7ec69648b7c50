//! What is taken from a stack whose environment is thrown away.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::{MountKind, Stack};

/// Takes from a stack what it would keep or claim beyond its own life.
pub(super) fn make_throwaway(stack: &mut Stack) {
    stack.throwaway = true;
    stack.volumes.clear();
    for service in stack.services.values_mut() {
        service.volumes.retain(|mount| !matches!(mount.kind, MountKind::Volume { source: Some(_) }));
        service.ports.iter_mut().for_each(|port| port.published = None);
    }
    let Some(model) = stack.resolved.as_object_mut() else { return };
    model.remove("volumes");
    let networks = model.get("networks").and_then(Json::as_object).into_iter().flatten();
    let external: BTreeSet<String> =
        networks.filter(|(_, network)| network["external"] == true).map(|(name, _)| name.clone()).collect();
    let services = model.get_mut("services").and_then(Json::as_object_mut);
    for service in services.into_iter().flat_map(|services| services.values_mut()) {
        let Some(service) = service.as_object_mut() else { continue };
        if let Some(name) = service.remove("container_name") {
            keep_name(service, &name, &external);
        }
        let ports = service.get_mut("ports").and_then(Json::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Json::as_object_mut) {
            port.remove("published");
        }
        let named = |mount: &Json| mount["type"] == "volume" && mount.get("source").is_some();
        let mounts = service.get_mut("volumes").and_then(Json::as_array_mut);
        let is_empty = mounts.is_some_and(|mounts| {
            mounts.retain(|mount| !named(mount));
            mounts.is_empty()
        });
        if is_empty {
            service.remove("volumes");
        }
    }
}

/// What others of the stack call a container still leads to it, on the networks that are the environment's own.
pub(super) fn keep_name(service: &mut Map<String, Json>, container: &Json, external: &BTreeSet<String>) {
    let networks = service.get_mut("networks").and_then(Json::as_object_mut).into_iter().flatten();
    for (_, network) in networks.filter(|(name, _)| !external.contains(*name)) {
        if network.is_null() {
            *network = json!({});
        }
        if let Some(aliases) =
            network.as_object_mut().map(|one| one.entry("aliases").or_insert_with(|| json!([])))
            && let Some(aliases) = aliases.as_array_mut()
            && !aliases.contains(container)
        {
            aliases.push(container.clone());
        }
    }
}
