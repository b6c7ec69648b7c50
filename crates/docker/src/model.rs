//! The Compose file of an environment that is thrown away: the project's own, resolved, without what it would keep or
//! claim beyond its own life.

use std::collections::BTreeMap;

use backlot_facts::address::Address;
use backlot_facts::image::PostgresImage;
use backlot_facts::storage::data_targets;
use backlot_postgres::DEFAULT_PORT;
use backlot_project::{Environment, Service, Stack};
use serde_json::{Map, Value as Json, json};

/// The Compose file for a throw-away environment, in the form that both versions of Compose read. `variables` are the
/// environment's own, for services in containers, which reach its database at `address`; `images` names the image of a
/// service that is built.
pub(super) fn throwaway_file(
    environment: &Environment,
    variables: &BTreeMap<String, String>,
    address: Option<Address<'_>>,
    images: &dyn Fn(&str) -> String,
) -> Json {
    let stack = environment.stack.clone().into_throwaway();
    let mut model = stack.resolved().clone();
    if let Some(top) = model.as_object_mut() {
        top.remove("name");
        let only_default = top.get("networks").and_then(Json::as_object).is_some_and(is_only_default);
        if only_default {
            top.remove("networks");
        }
        let services = top.get_mut("services").and_then(Json::as_object_mut);
        for (name, service) in services.into_iter().flatten() {
            if let (Some(model), Some(known)) = (service.as_object_mut(), stack.services.get(name)) {
                mend(model, known, &stack, variables, address);
                if model.contains_key("build") && !model.contains_key("image") {
                    model.insert("image".into(), images(name).into());
                    // It is built when it is missing; no registry has it.
                    model.insert("pull_policy".into(), "never".into());
                }
            }
        }
    }
    model
}

/// The Compose file of an environment that bears names and has ports of its own.
pub(super) fn apart_file(environment: &Environment) -> Json {
    let mut model = environment.stack.resolved().clone();
    let services = model.get_mut("services").and_then(Json::as_object_mut);
    for service in services.into_iter().flat_map(Map::values_mut).filter_map(Json::as_object_mut) {
        service.retain(|_, value| !value.is_null());
    }
    model
}

/// A database that is worked with from this machine has a port of it, whether its file says so or not.
fn publish_database(model: &mut Map<String, Json>, service: &Service) {
    if service.ports.iter().all(|port| port.target != DEFAULT_PORT)
        && let Json::Array(ports) = model.entry("ports").or_insert_with(|| json!([]))
    {
        ports.push(format!("127.0.0.1::{DEFAULT_PORT}/tcp").into());
    }
}

/// A plain bind mount in the short form: Compose 1 does not know all that the long one can say.
fn shorten(mount: &mut Json) {
    let plain = mount.as_object().is_some_and(|mount| {
        let known =
            |key: &String| matches!(key.as_str(), "type" | "source" | "target" | "read_only" | "bind");
        let bind = mount.get("bind").and_then(Json::as_object);
        let makes_path = |bind: &Map<String, Json>| {
            bind.iter().all(|(key, value)| key == "create_host_path" && *value == true)
        };
        mount.keys().all(known)
            && mount.get("type").is_some_and(|kind| kind == "bind")
            && bind.is_none_or(makes_path)
    });
    let text = |key: &str| mount.get(key).and_then(Json::as_str).filter(|text| !text.contains(':'));
    if let (true, Some(source), Some(target)) = (plain, text("source"), text("target")) {
        let mode = if mount.get("read_only").is_some_and(|only| *only == true) { ":ro" } else { "" };
        *mount = format!("{source}:{target}{mode}").into();
    }
}

/// A database that is thrown away need not survive a power cut, as on the native engine.
fn forget_durability(model: &mut Map<String, Json>, service: &Service) {
    if service.command.is_none() && service.entrypoint.is_none() {
        let settings = ["fsync=off", "full_page_writes=off"];
        let words = settings.iter().flat_map(|setting| ["-c", setting]);
        model.insert("command".into(), ["postgres"].into_iter().chain(words).collect());
    }
    if let Json::Object(environment) = model.entry("environment").or_insert_with(|| json!({})) {
        let own = environment.get("POSTGRES_INITDB_ARGS").and_then(Json::as_str).unwrap_or_default();
        let arguments = format!("{own} --no-sync");
        environment.insert("POSTGRES_INITDB_ARGS".into(), arguments.trim_start().into());
    }
}

/// What leads out of the containers, to the database of this machine, leads to that of the environment.
fn keep_inside(own: &mut Map<String, Json>, address: &Address<'_>) {
    let texts = own.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let said: BTreeMap<String, String> = texts.collect();
    let mut all = said.iter().map(|(name, value)| (name.clone(), address.led(value))).collect();
    // One that names the service itself is as it is meant to be.
    let out = said.iter().filter(|(_, value)| !value.starts_with(address.service));
    address.set_pairs(out.map(|(name, value)| (name.as_str(), value.as_str())), &mut all);
    own.extend(all.into_iter().map(|(name, value)| (name, value.into())));
}

/// A network of no properties but the name that Compose gives it.
fn is_only_default(networks: &Map<String, Json>) -> bool {
    let Some(Json::Object(default)) = networks.get("default") else { return networks.is_empty() };
    let plain = |(key, value): (&String, &Json)| {
        key == "name" || value.is_null() || value.as_object().is_some_and(Map::is_empty)
    };
    networks.len() == 1 && default.iter().all(plain)
}

fn mend(
    model: &mut Map<String, Json>,
    service: &Service,
    stack: &Stack,
    variables: &BTreeMap<String, String>,
    address: Option<Address<'_>>,
) {
    // Compose 1 knows neither nulls for "nothing said" nor optional dependencies.
    model.retain(|_, value| !value.is_null());
    if let Some(Json::Object(depends_on)) = model.get_mut("depends_on") {
        depends_on.retain(|name, _| stack.services.contains_key(name));
        for condition in depends_on.values_mut().filter_map(Json::as_object_mut) {
            condition.remove("required");
            condition.remove("restart");
        }
    }
    if model.contains_key("ports") {
        let ports = service.ports.iter().map(|port| {
            let protocol = match port.protocol {
                backlot_project::stack::Protocol::Tcp => "tcp",
                backlot_project::stack::Protocol::Udp => "udp",
                backlot_project::stack::Protocol::Sctp => "sctp",
            };
            // Any free port, of this machine alone.
            Json::from(format!("127.0.0.1::{}/{protocol}", port.target))
        });
        let ports = ports.collect();
        model.insert("ports".into(), ports);
    }
    // Another environment's data is in them.
    let postgres = PostgresImage::of(service);
    let is_postgres = postgres.is_some();
    let data = data_targets(service, is_postgres, postgres.and_then(|image| image.wanted.major));
    if let Some(Json::Array(mounts)) = model.get_mut("volumes") {
        mounts.retain(|mount| !data.iter().any(|target| mount["target"] == *target));
        for mount in mounts {
            shorten(mount);
        }
    }
    if is_postgres {
        forget_durability(model, service);
        publish_database(model, service);
    } else {
        let own = model.entry("environment").or_insert_with(|| json!({}));
        if let Json::Object(own) = own {
            if let Some(address) = address {
                keep_inside(own, &address);
            }
            for (name, value) in
                variables.iter().filter(|(name, _)| !own.contains_key(*name)).collect::<Vec<_>>()
            {
                // Compose reads the file once more.
                own.insert(name.clone(), value.replace('$', "$$").into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_only_default, keep_inside, shorten};
    use backlot_facts::address::{Address, OUTSIDE};
    use serde_json::json;

    #[test]
    fn a_container_does_not_reach_out_for_another_database() {
        let mut own = json!({
            "DATABASE_URL": "postgres://u:p@host.docker.internal:5433/app", "DB_HOST": "host.docker.internal",
            "DB_PORT": "5433", "OTHER_DB_HOST": "db", "URL": "postgres://localhost/app", "NUMBER": 1, "NOTHING": null,
        });
        let address = Address { service: "db", host: "db", port: 5432, here: &OUTSIDE };
        keep_inside(own.as_object_mut().unwrap(), &address);
        let expected = json!({
            "DATABASE_URL": "postgres://u:p@db:5432/app", "DB_HOST": "db",
            "DB_PORT": "5432", "OTHER_DB_HOST": "db", "URL": "postgres://localhost/app", "NUMBER": 1, "NOTHING": null,
        });
        assert_eq!(own, expected);
    }

    #[test]
    fn plain_mounts_are_written_so_that_both_versions_read_them() {
        for (long, short) in [
            (
                json!({"type": "bind", "source": "/a", "target": "/b", "bind": {"create_host_path": true}}),
                json!("/a:/b"),
            ),
            (json!({"type": "bind", "source": "/a", "target": "/b", "read_only": true}), json!("/a:/b:ro")),
        ] {
            let mut mount = long;
            shorten(&mut mount);
            assert_eq!(mount, short);
        }
        for kept in [
            json!({"type": "bind", "source": "/a", "target": "/b", "bind": {"create_host_path": false}}),
            json!({"type": "bind", "source": "/a", "target": "/b", "bind": {"propagation": "shared"}}),
            json!({"type": "bind", "source": "/a:c", "target": "/b"}),
            json!({"type": "volume", "target": "/b"}),
            json!({"type": "tmpfs", "target": "/b"}),
        ] {
            let mut mount = kept.clone();
            shorten(&mut mount);
            assert_eq!(mount, kept);
        }
    }

    #[test]
    fn only_a_network_with_nothing_of_its_own_is_left_to_compose() {
        let is_default = |networks: serde_json::Value| is_only_default(networks.as_object().unwrap());
        assert!(is_default(json!({})));
        assert!(is_default(json!({"default": {"name": "a_default", "ipam": {}}})));
        assert!(!is_default(json!({"default": {"name": "a", "driver": "host"}})));
        assert!(!is_default(json!({"default": {"name": "a"}, "back": {}})));
    }
}
