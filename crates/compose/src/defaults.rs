//! What Compose fills in where nothing is written.

use backlot_yaml::{Entry, Node, Value};

/// Fills in defaults of builds, ports, secrets and devices.
pub(crate) fn set_defaults(model: &mut Node) {
    for Entry { value: service, .. } in model.entries_of_mut("services") {
        if let Some(build) = service.get_mut("build") {
            build.set_default("context", text("."));
        }
        for port in service.items_of_mut("ports") {
            port.set_default("protocol", text("tcp"));
            port.set_default("mode", text("ingress"));
        }
        for secret in service.items_of_mut("secrets") {
            if let Some(source) = secret.text_of("source") {
                let target = text(&format!("/run/secrets/{source}"));
                secret.set_default("target", target);
            }
        }
        let reserved = ["deploy", "resources", "reservations"];
        if let Some(reserved) = reserved.iter().try_fold(&mut *service, |node, key| node.get_mut(key)) {
            reserved.items_of_mut("devices").iter_mut().for_each(all_devices);
        }
        service.items_of_mut("gpus").iter_mut().for_each(all_devices);
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Without a number and without names, all devices are meant.
fn all_devices(device: &mut Node) {
    if device.get("device_ids").is_none() {
        device.set_default("count", text("all"));
    }
}
