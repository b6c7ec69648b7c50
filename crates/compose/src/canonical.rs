//! From the short forms to the long ones, and the defaults of what is not written.

use backlot_compose_schema::Path;
use backlot_yaml::{Entry, Map, Node, Span, Value};

use crate::error::{Error, Problem};
use crate::merge::{default_dependency, list_to_mapping};
use crate::port::expand_port;
use crate::volume::parse_volume;

/// How many ports all services may have: a short range is soon written and long to expand.
const MAX_PORTS: usize = 20_000;

/// Brings a model into long form. What is no such value is left for the check of types.
pub(crate) fn canonicalise(model: &mut Node) -> Result<(), Error> {
    let Some(model) = model.as_map_mut() else { return Ok(()) };
    let mut ports_left = MAX_PORTS;
    for entry in &mut model.entries {
        match (entry.key.as_str(), entry.value.as_map_mut()) {
            ("services", Some(services)) => {
                for Entry { key, value, .. } in &mut services.entries {
                    let services = Path::Root.key("services");
                    service(value, &services.key(key), &mut ports_left)?;
                }
            }
            ("networks" | "volumes" | "secrets" | "configs", Some(resources)) => {
                for resource in &mut resources.entries {
                    external(&mut resource.value)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn service(node: &mut Node, path: &Path<'_>, ports_left: &mut usize) -> Result<(), Error> {
    let Some(service) = node.as_map_mut() else { return Ok(()) };
    for Entry { key, value, .. } in &mut service.entries {
        match key.as_str() {
            "build" => build(value)?,
            "depends_on" => depends_on(value)?,
            "env_file" => env_files(value),
            "extends" => {
                if let Value::String(name) = &value.value {
                    value.value = single("service", Value::String(name.clone()), value);
                }
            }
            "networks" | "models" => {
                let nothing = |span: &Span| Node::new(Value::Null, span.clone());
                replace(value, |node| list_to_mapping(node, &nothing))?;
            }
            "devices" => devices(value)?,
            "dns" | "label_file" => text_to_list(value),
            "gpus" => gpus(value),
            "ports" => ports(value, &path.key("ports"), ports_left)?,
            "secrets" | "configs" => grants(value),
            "volumes" => volumes(value)?,
            _ => {}
        }
    }
    Ok(())
}

fn replace(node: &mut Node, change: impl FnOnce(Node) -> Result<Node, Error>) -> Result<(), Error> {
    let span = node.span.clone();
    *node = change(std::mem::replace(node, Node::new(Value::Null, span)))?;
    Ok(())
}

fn single(key: &str, value: Value, node: &Node) -> Value {
    let mut map = Map::default();
    map.set(key, value, &node.span);
    Value::Map(map)
}

fn build(node: &mut Node) -> Result<(), Error> {
    if let Value::String(context) = &node.value {
        node.value = single("context", Value::String(context.clone()), node);
    }
    let Some(build) = node.as_map_mut() else { return Ok(()) };
    if let Some(secrets) = build.get_mut("secrets") {
        grants(secrets);
    }
    match build.get_mut("additional_contexts") {
        Some(contexts) => pairs(contexts),
        None => Ok(()),
    }
}

/// A list of `key=value` as a mapping.
fn pairs(node: &mut Node) -> Result<(), Error> {
    let Value::List(items) = &node.value else { return Ok(()) };
    let mut map = Map::default();
    for item in items {
        let pair = item.as_str().and_then(|text| text.split_once('='));
        let Some((key, value)) = pair else {
            return Err(item.not_allowed("additional_contexts", &[]).with_hint("write NAME=PATH"));
        };
        map.set(key, Value::String(value.to_owned()), &item.span);
    }
    node.value = Value::Map(map);
    Ok(())
}

fn depends_on(node: &mut Node) -> Result<(), Error> {
    replace(node, |node| list_to_mapping(node, &default_dependency))?;
    let Some(dependencies) = node.as_map_mut() else { return Ok(()) };
    for Entry { value, .. } in &mut dependencies.entries {
        value.set_default("condition", Value::String("service_started".to_owned()));
        value.set_default("required", Value::Bool(true));
    }
    Ok(())
}

fn env_files(node: &mut Node) {
    text_to_list(node);
    let Value::List(items) = &mut node.value else { return };
    for item in items {
        if let Value::String(path) = &item.value {
            item.value = single("path", Value::String(path.clone()), item);
        }
        item.set_default("required", Value::Bool(true));
    }
}

fn text_to_list(node: &mut Node) {
    if let Value::String(_) = &node.value {
        let text = std::mem::replace(&mut node.value, Value::Null);
        node.value = Value::List(vec![Node::new(text, node.span.clone())]);
    }
}

fn gpus(node: &mut Node) {
    if let Value::String(_) = &node.value {
        let all = Node::new(single("count", Value::String("all".to_owned()), node), node.span.clone());
        node.value = Value::List(vec![all]);
    }
}

/// `source:target:permissions`.
fn devices(node: &mut Node) -> Result<(), Error> {
    let Value::List(items) = &mut node.value else { return Ok(()) };
    for item in items {
        let Value::String(text) = &item.value else { continue };
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, permissions) = match parts.as_slice() {
            [source] => (*source, *source, "rwm"),
            [source, target] => (*source, *target, "rwm"),
            [source, target, permissions] => (*source, *target, *permissions),
            _ => {
                return Err(item.not_allowed("devices", &[]).with_hint("write source:target:permissions"));
            }
        };
        let target = if target.is_empty() { source } else { target };
        let mut map = Map::default();
        for (key, text) in [("source", source), ("target", target), ("permissions", permissions)] {
            map.set(key, Value::String(text.to_owned()), &item.span);
        }
        item.value = Value::Map(map);
    }
    Ok(())
}

fn grants(node: &mut Node) {
    let Value::List(items) = &mut node.value else { return };
    for item in items {
        if let Value::String(source) = &item.value {
            item.value = single("source", Value::String(source.clone()), item);
        }
    }
}

fn ports(node: &mut Node, path: &Path<'_>, left: &mut usize) -> Result<(), Error> {
    let Value::List(items) = &mut node.value else { return Ok(()) };
    let mut ports: Vec<Node> = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let (span, tag) = (item.span.clone(), item.tag.clone());
        let before = ports.len();
        match &item.value {
            Value::Int(port) => ports.extend(expand_port(&port.to_string(), &span)?),
            Value::String(port) => ports.extend(expand_port(port, &span)?),
            Value::Map(_) => ports.push(item),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) => {
                let at = path.index(index).to_string();
                return Err(item.wrong_type(at, "an integer, a string or a mapping"));
            }
        }
        ports[before..].iter_mut().for_each(|port| port.tag.clone_from(&tag));
        *left = left
            .checked_sub(ports.len() - before)
            .ok_or_else(|| span.error(Problem::TooManyPorts { limit: MAX_PORTS }))?;
    }
    *items = ports;
    Ok(())
}

fn volumes(node: &mut Node) -> Result<(), Error> {
    let Value::List(items) = &mut node.value else { return Ok(()) };
    for item in items {
        if let Value::String(text) = &item.value {
            let tag = item.tag.take();
            *item = parse_volume(text, &item.span)?.into_node(&item.span);
            item.tag = tag;
        }
    }
    Ok(())
}

/// The older `external: {name: …}`.
fn external(node: &mut Node) -> Result<(), Error> {
    let span = node.span.clone();
    let Some(resource) = node.as_map_mut() else { return Ok(()) };
    let Some(external) = resource.get("external").and_then(Node::as_map) else { return Ok(()) };
    let name = external.get("name").cloned();
    if let (Some(name), Some(own)) = (&name, resource.get("name"))
        && name != own
    {
        let problem = Problem::Conflict { at: "external.name".to_owned(), reason: "name says otherwise" };
        return Err(name.span.error(problem).with_hint("keep only name, and external: true"));
    }
    resource.set("external", Value::Bool(true), &span);
    if let Some(name) = name {
        resource.set("name", name.value, &name.span);
    }
    Ok(())
}
