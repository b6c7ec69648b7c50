//! Completes a model: names, the default network, dependencies that other keys imply, values of bare variables.

use std::collections::BTreeSet;

use backlot_yaml::{Entry, Map, Node, Span, Value};

use crate::interpolate::Variables;
use crate::missed::Missed;
use crate::volume::clean_path;

/// Completes the model of a stack called `name`.
pub(crate) fn normalise(model: &mut Node, name: &str, variables: &Variables, missed: &mut Missed) {
    let span = model.span.clone();
    let Some(map) = model.as_map_mut() else { return };
    map.set("name", Value::String(name.to_owned()), &span);
    for Entry { value, .. } in model.entries_of_mut("services") {
        let span = value.span.clone();
        if let Some(service) = value.as_map_mut() {
            normalise_service(service, &span, variables, missed);
        }
    }
    add_default_network(model);
    for key in ["networks", "volumes", "secrets", "configs"] {
        for Entry { key, key_span, value } in model.entries_of_mut(key) {
            if value.is_null() {
                value.value = Value::Map(Map::default());
            }
            // A secret or config whose text is a variable's value.
            if let Some(Node { value: Value::String(variable), span, .. }) = value.get("environment")
                && !variables.contains_key(variable)
            {
                missed.add(variable, span);
            }
            let full = if value.says("external", true) { key.clone() } else { format!("{name}_{key}") };
            if let Some(resource) = value.as_map_mut().filter(|resource| !resource.contains("name")) {
                resource.set("name", Value::String(full), key_span);
            }
        }
    }
}

/// The default network is there when a service uses it.
fn add_default_network(model: &mut Node) {
    let has_default =
        |service: &Entry| service.value.get("networks").is_some_and(|all| all.get("default").is_some());
    if !model.entries_of("services").iter().any(has_default) {
        return;
    }
    model.set_default("networks", Value::Map(Map::default()));
    let span = model.span.clone();
    if let Some(networks) = model.get_mut("networks").and_then(Node::as_map_mut)
        && !networks.contains("default")
    {
        networks.set("default", Value::Null, &span);
    }
}

fn normalise_service(service: &mut Map, span: &Span, variables: &Variables, missed: &mut Missed) {
    let has_networks =
        service.get("networks").and_then(Node::as_map).is_some_and(|all| !all.entries.is_empty());
    if !has_networks && !service.contains("network_mode") && !service.contains("provider") {
        let mut networks = Map::default();
        networks.set("default", Value::Null, span);
        service.set("networks", Value::Map(networks), span);
    }
    if let Some(Value::List(mounts)) = service.get_mut("volumes").map(|mounts| &mut mounts.value) {
        for target in mounts.iter_mut().filter_map(|mount| mount.get_mut("target")) {
            if let Value::String(path) = &mut target.value {
                *path = clean_path(path);
            }
        }
    }
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_str() == Some("if_not_present")
    {
        policy.value = Value::String("missing".to_owned());
    }
    if let Some(build) = service.get_mut("build") {
        if build.get("dockerfile_inline").is_none() {
            build.set_default("dockerfile", Value::String("Dockerfile".to_owned()));
        }
        if let Some(args) = build.get_mut("args") {
            give_values(args, variables, false, missed);
        }
    }
    if let Some(environment) = service.get_mut("environment") {
        give_values(environment, variables, true, missed);
    }
    give_hooks_the_image(service);
    imply_dependencies(service, span);
}

/// What runs before a service runs in its image, unless it names another.
fn give_hooks_the_image(service: &mut Map) {
    let Some(image) = service.get("image").cloned() else { return };
    let Some(Value::List(hooks)) = service.get_mut("pre_start").map(|hooks| &mut hooks.value) else { return };
    for hook in hooks.iter_mut().filter_map(Node::as_map_mut).filter(|hook| !hook.contains("image")) {
        hook.set("image", image.value.clone(), &image.span);
    }
}

/// Makes a mapping of names and values; a name without a value takes the one that is set here. Without one there, it goes
/// unless it is kept for whoever starts the service.
fn give_values(node: &mut Node, variables: &Variables, keep: bool, missed: &mut Missed) {
    let mut map = Map::default();
    let mut add = |key: &str, key_span: &Span, value: Option<String>, span: &Span| {
        let value = value.or_else(|| variables.get(key).cloned());
        if value.is_none() {
            missed.add(key, key_span);
        }
        if value.is_some() || keep {
            let value = Node::new(value.map_or(Value::Null, Value::String), span.clone());
            map.insert(Entry { key: key.to_owned(), key_span: key_span.clone(), value });
        }
    };
    match &node.value {
        Value::List(items) => {
            for item in items {
                let text = item.as_str().unwrap_or_default();
                match text.split_once('=') {
                    Some((key, value)) => add(key, &item.span, Some(value.to_owned()), &item.span),
                    None => add(text, &item.span, None, &item.span),
                }
            }
        }
        Value::Map(entries) => {
            for Entry { key, key_span, value } in &entries.entries {
                add(key, key_span, value.value.scalar_text(), &value.span);
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
    }
    node.value = Value::Map(map);
}

/// A service that is linked to, or whose namespace or volumes are shared, starts first.
fn imply_dependencies(service: &mut Map, span: &Span) {
    let mut implied: Vec<(String, bool, Span)> = Vec::new();
    let texts = |key: &str| service.get(key).and_then(Node::as_list).unwrap_or_default().iter();
    for link in texts("links") {
        let text = link.as_str().unwrap_or_default();
        implied.push((text.split(':').next().unwrap_or_default().to_owned(), true, link.span.clone()));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let Some(node) = service.get(key) else { continue };
        if let Some(name) = node.as_str().and_then(|text| text.strip_prefix("service:")) {
            implied.push((name.to_owned(), true, node.span.clone()));
        }
    }
    for volume in texts("volumes_from") {
        let text = volume.as_str().unwrap_or_default();
        if !text.starts_with("container:") {
            implied.push((text.split(':').next().unwrap_or_default().to_owned(), false, volume.span.clone()));
        }
    }
    if implied.is_empty() {
        return;
    }
    if !service.contains("depends_on") {
        service.set("depends_on", Value::Map(Map::default()), span);
    }
    let Some(dependencies) = service.get_mut("depends_on").and_then(Node::as_map_mut) else { return };
    for (name, restart, span) in implied {
        if dependencies.contains(&name) {
            continue;
        }
        let mut dependency = Map::default();
        dependency.set("condition", Value::String("service_started".to_owned()), &span);
        dependency.set("restart", Value::Bool(restart), &span);
        dependency.set("required", Value::Bool(true), &span);
        dependencies.set(&name, Value::Map(dependency), &span);
    }
}

/// Leaves only the networks, volumes, secrets and configs that a service uses.
pub(crate) fn drop_unused(model: &mut Node) {
    let mut used: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for Entry { value: service, .. } in model.entries_of("services") {
        for key in ["networks", "models"] {
            used.extend(service.entries_of(key).iter().map(|entry| (key, entry.key.clone())));
        }
        let volumes = service.items_of("volumes").iter();
        let volumes = volumes.filter(|volume| volume.text_of("type") == Some("volume"));
        let built = service.get("build").map_or(&[][..], |build| build.items_of("secrets"));
        let secrets = service.items_of("secrets").iter().chain(built);
        let named = volumes.map(|item| ("volumes", item)).chain(secrets.map(|item| ("secrets", item)));
        let named = named.chain(service.items_of("configs").iter().map(|item| ("configs", item)));
        used.extend(named.filter_map(|(key, item)| Some((key, item.text_of("source")?.to_owned()))));
    }
    for key in ["networks", "volumes", "secrets", "configs", "models"] {
        let Some(model) = model.as_map_mut() else { return };
        let Some(resources) = model.get_mut(key).and_then(Node::as_map_mut) else { continue };
        resources.entries.retain(|entry| used.contains(&(key, entry.key.clone())));
        if resources.entries.is_empty() {
            model.remove(key);
        }
    }
}
