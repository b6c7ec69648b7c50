//! What Compose fills in where nothing is written.

use backlot_yaml::{Entry, Map, Node, Span, Value};

/// Fills in defaults of builds, ports, secrets and devices.
pub(crate) fn set_defaults(model: &mut Node) {
    let Some(services) = model.as_map_mut().and_then(|model| model.get_mut("services")) else { return };
    let Some(services) = services.as_map_mut() else { return };
    for Entry { value, .. } in &mut services.entries {
        let Some(service) = value.as_map_mut() else { continue };
        if let Some(build) = service.get_mut("build") {
            default(build, "context", |_| Some(Value::String(".".to_owned())));
        }
        for port in items(service.get_mut("ports")) {
            default(port, "protocol", |_| Some(Value::String("tcp".to_owned())));
            default(port, "mode", |_| Some(Value::String("ingress".to_owned())));
        }
        for secret in items(service.get_mut("secrets")) {
            default(secret, "target", |secret| {
                let source = secret.get("source").and_then(Node::as_str)?;
                Some(Value::String(format!("/run/secrets/{source}")))
            });
        }
        let reserved = ["resources", "reservations", "devices"];
        let devices = reserved.iter().try_fold(service.get_mut("deploy"), |node, key| {
            Some(node?.as_map_mut().and_then(|map| map.get_mut(key)))
        });
        items(devices.flatten()).iter_mut().for_each(all_devices);
        items(service.get_mut("gpus")).iter_mut().for_each(all_devices);
    }
}

fn items(node: Option<&mut Node>) -> &mut [Node] {
    if let Some(Value::List(items)) = node.map(|node| &mut node.value) { items } else { &mut [] }
}

/// Without a number and without names, all devices are meant.
fn all_devices(device: &mut Node) {
    if device.get("device_ids").is_none() {
        default(device, "count", |_| Some(Value::String("all".to_owned())));
    }
}

/// Sets a key that a mapping lacks.
fn default(node: &mut Node, key: &str, value: impl FnOnce(&Map) -> Option<Value>) {
    let span: Span = node.span.clone();
    if let Some(map) = node.as_map_mut()
        && !map.contains(key)
        && let Some(value) = value(map)
    {
        map.set(key, value, &span);
    }
}
