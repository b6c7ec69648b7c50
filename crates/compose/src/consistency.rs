//! Checks what no single value shows: references, and keys that exclude each other.

use std::collections::{BTreeMap, BTreeSet};

use backlot_yaml::{Entry, Map, Node, Span, Value};

use crate::error::{Error, Problem};

/// Checks volumes, secrets and configs of one file and what it was laid over.
pub(crate) fn check_resources(model: &Node) -> Result<(), Error> {
    for (key, sources) in [
        ("volumes", None),
        ("secrets", Some(["file", "environment"].as_slice())),
        ("configs", Some(["file", "environment", "content"].as_slice())),
    ] {
        for Entry { key: name, key_span, value } in model.entries_of(key) {
            let Some(resource) = value.as_map() else { continue };
            let at = || format!("{key}.{name}");
            match sources {
                None if value.says("external", true) => only_name(resource, &at())?,
                None => {}
                Some(sources) => one_source(resource, sources, at, key_span)?,
            }
        }
    }
    Ok(())
}

fn only_name(resource: &Map, at: &str) -> Result<(), Error> {
    let taken = |key: &str| key == "name" || key == "external" || key.starts_with("x-");
    match resource.entries.iter().find(|entry| !taken(&entry.key)) {
        Some(entry) => {
            let problem = Problem::Conflict {
                at: at.to_owned(),
                reason: "an external one can have no other keys than name",
            };
            Err(entry.key_span.error(problem))
        }
        None => Ok(()),
    }
}

fn one_source(resource: &Map, sources: &[&str], at: impl Fn() -> String, span: &Span) -> Result<(), Error> {
    let given = sources.iter().filter(|source| resource.contains(source)).count();
    let reason = match given {
        0 if resource.contains("driver") || resource.contains("external") => return Ok(()),
        0 => "it says not where its content comes from",
        1 => return Ok(()),
        _ => "it has more than one content",
    };
    let hint = format!("give it one of {}", sources.join(", "));
    Err(span.error(Problem::Conflict { at: at(), reason }).with_hint(hint))
}

fn text<'n>(service: &'n Node, key: &str) -> Option<&'n str> {
    service.text_of(key).filter(|text| !text.is_empty())
}

/// Checks the whole model; `disabled` are the services that no active profile switches on.
pub(crate) fn check(model: &Node, disabled: &Map) -> Result<(), Error> {
    let mut container_names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for Entry { key, key_span, value: service } in model.entries_of("services") {
        faults.extend(check_service(model, disabled, key, (key_span, service)).err());
        if let Some(name) = text(service, "container_name")
            && let Some(first) = container_names.insert(name, key)
        {
            let (name, first, second) = (name.to_owned(), first.to_owned(), key.clone());
            let span = service.get("container_name").map_or(key_span, |node| &node.span);
            faults.push(span.error(Problem::ContainerName { name, first, second }));
        }
    }
    Error::none_of(faults)?;
    check_cycles(model)
}

/// Checks a service; of several things that are wrong with it the first.
fn check_service(
    model: &Node,
    disabled: &Map,
    key: &str,
    (key_span, service): (&Span, &Node),
) -> Result<(), Error> {
    let provided = service.get("provider").is_some();
    if text(service, "image").is_none() && service.get("build").is_none() && !provided {
        let error = key_span.error(Problem::NoImage { service: key.to_owned() });
        return Err(error.with_hint("give it an image: or a build:"));
    }
    check_build(key, service)?;
    check_networks(model, key, service)?;
    check_health(key, service)?;
    check_dependencies(model, disabled, key, service)?;
    check_mounts(model, key, service)?;
    check_scale(key, service)?;
    check_devices(key, service)
}

fn conflict(span: &Span, service: &str, key: &str, reason: &'static str) -> Error {
    span.error(Problem::Conflict { at: format!("services.{service}.{key}"), reason })
}

fn check_build(name: &str, service: &Node) -> Result<(), Error> {
    let Some(build) = service.get("build") else { return Ok(()) };
    if let (Some(inline), Some(_)) = (build.get("dockerfile_inline"), build.get("dockerfile")) {
        return Err(conflict(
            &inline.span,
            name,
            "build",
            "dockerfile and dockerfile_inline exclude each other",
        ));
    }
    let platforms = build.items_of("platforms");
    if let (Some(platform), [_, ..]) = (service.get("platform"), platforms)
        && !platforms.contains(platform)
    {
        return Err(conflict(
            &platform.span,
            name,
            "build.platforms",
            "the service's platform is not among them",
        ));
    }
    Ok(())
}

fn undefined(span: &Span, service: &str, verb: &'static str, target: &str, known: &[Entry]) -> Error {
    let problem = Problem::ServiceUndefined { service: service.to_owned(), verb, target: target.to_owned() };
    let names: Vec<&str> = known.iter().map(|entry| entry.key.as_str()).take(10).collect();
    let error = span.error(problem);
    match names.as_slice() {
        [] => error,
        _ => error.with_hint(format!("defined are {}", names.join(", "))),
    }
}

fn check_networks(model: &Node, name: &str, service: &Node) -> Result<(), Error> {
    let networks = service.entries_of("networks");
    if let (Some(mode), [_, ..]) = (service.get("network_mode"), networks) {
        return Err(conflict(&mode.span, name, "network_mode", "it excludes networks"));
    }
    let known = model.entries_of("networks");
    match networks.iter().find(|network| !known.iter().any(|known| known.key == network.key)) {
        Some(network) => Err(undefined(&network.key_span, name, "uses the network", &network.key, known)),
        None => Ok(()),
    }
}

fn check_health(name: &str, service: &Node) -> Result<(), Error> {
    let test = service.get("healthcheck").map_or(&[][..], |check| check.items_of("test"));
    match test.first() {
        Some(first) if !matches!(first.as_str(), Some("CMD" | "CMD-SHELL" | "NONE")) => {
            let at = format!("services.{name}.healthcheck.test");
            Err(first
                .not_allowed(at, &["CMD", "CMD-SHELL", "NONE"])
                .with_hint("begin the list with CMD, CMD-SHELL or NONE, or write one string for the shell"))
        }
        _ => Ok(()),
    }
}

fn check_dependencies(model: &Node, disabled: &Map, name: &str, service: &Node) -> Result<(), Error> {
    let known = model.entries_of("services");
    for Entry { key, key_span, value } in service.entries_of("depends_on") {
        if known.iter().any(|known| known.key == *key) {
            continue;
        }
        let Some(off) = disabled.get(key) else {
            return Err(undefined(key_span, name, "depends on", key, known));
        };
        if !value.says("required", false) {
            let profile = off.items_of("profiles").first().and_then(Node::as_str).unwrap_or_default();
            return Err(undefined(key_span, name, "depends on", key, &[]).with_hint(format!(
                "{key} is switched off by its profiles; add --profile {profile}, or say required: false"
            )));
        }
    }
    if let Some(mode) = service.get("network_mode")
        && let Some(target) = mode.as_str().and_then(|mode| mode.strip_prefix("service:"))
        && !known.iter().any(|known| known.key == target)
    {
        return Err(undefined(&mode.span, name, "shares the network of", target, known));
    }
    Ok(())
}

fn check_mounts(model: &Node, name: &str, service: &Node) -> Result<(), Error> {
    let check = |items: Option<&Node>, top: &str, verb: &'static str| {
        let known = model.entries_of(top);
        for item in items.map_or(&[][..], Node::items) {
            let is_mount = item.get("type").is_none_or(|kind| kind.as_str() == Some("volume"));
            let Some(source) = item.get("source").filter(|_| is_mount) else { continue };
            let target = source.as_str().unwrap_or_default();
            if !target.is_empty() && !known.iter().any(|known| known.key == target) {
                return Err(undefined(&source.span, name, verb, target, known));
            }
        }
        Ok(())
    };
    let models = model.entries_of("models");
    for used in service.entries_of("models") {
        if !models.iter().any(|known| known.key == used.key) {
            return Err(undefined(&used.key_span, name, "uses the model", &used.key, models));
        }
    }
    check(service.get("volumes"), "volumes", "uses the volume")?;
    check(service.get("build").and_then(|build| build.get("secrets")), "secrets", "builds with the secret")?;
    check(service.get("configs"), "configs", "uses the config")?;
    check(service.get("secrets"), "secrets", "uses the secret")
}

fn check_scale(name: &str, service: &Node) -> Result<(), Error> {
    let scale = service.get("scale");
    let replicas = service.get("deploy").and_then(|deploy| deploy.get("replicas"));
    if let (Some(scale), Some(replicas)) = (scale, replicas)
        && scale != replicas
    {
        return Err(conflict(&scale.span, name, "scale", "deploy.replicas says otherwise"));
    }
    let several = scale.or(replicas).filter(|node| matches!(node.value, Value::Int(count) if count > 1));
    match (several, service.get("container_name")) {
        (Some(_), Some(container)) => {
            Err(conflict(&container.span, name, "container_name", "several replicas cannot share one name"))
        }
        _ => Ok(()),
    }
}

fn check_devices(name: &str, service: &Node) -> Result<(), Error> {
    let reserved = ["deploy", "resources", "reservations"];
    let reserved = reserved.iter().try_fold(service, |node, key| node.get(key));
    let reserved = reserved.map_or(&[][..], |reserved| reserved.items_of("devices"));
    let mut all = reserved.iter().chain(service.items_of("gpus"));
    match all.find(|device| device.get("count").is_some() && device.get("device_ids").is_some()) {
        Some(device) => {
            Err(conflict(&device.span, name, "devices", "count and device_ids exclude each other"))
        }
        None => Ok(()),
    }
}

/// Takes away services without dependencies until none is left; what stays goes round in a circle.
fn check_cycles(model: &Node) -> Result<(), Error> {
    let services = model.entries_of("services");
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let names: BTreeSet<&str> = services.iter().map(|entry| entry.key.as_str()).collect();
    for Entry { key, value, .. } in services {
        let dependencies = value.entries_of("depends_on").iter().map(|entry| entry.key.as_str());
        waiting.insert(key, dependencies.filter(|dependency| names.contains(dependency)).collect());
    }
    loop {
        let free: Vec<&str> = waiting.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            waiting.remove(name);
            for on in waiting.values_mut() {
                on.remove(name);
            }
        }
    }
    let Some(mut name) = waiting.keys().next().copied() else { return Ok(()) };
    let mut path: Vec<&str> = Vec::new();
    while !path.contains(&name) {
        path.push(name);
        let Some(next) = waiting.get(name).and_then(|on| on.first()) else { break };
        name = next;
    }
    let start = path.iter().position(|known| *known == name).unwrap_or(0);
    let mut circle: Vec<String> = path[start..].iter().map(|name| (*name).to_owned()).collect();
    circle.push(name.to_owned());
    let problem = Problem::Cycle { what: "dependencies", path: circle };
    let key = services.iter().find(|entry| entry.key == name);
    let dependencies = key.and_then(|entry| entry.value.get("depends_on"));
    Err(match dependencies {
        Some(node) => node.span.error(problem),
        None => Error::new(problem),
    })
}
