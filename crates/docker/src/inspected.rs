//! What `docker inspect` prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backlot_plan::Endpoint;
use serde::Deserialize;

use crate::container::{Checked, Container, Life, garbage};
use crate::error::DockerError;

const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Set on the containers of `compose run`, which are no replicas.
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// Reads what `docker inspect` prints.
pub(super) fn parse(text: &str) -> Result<Vec<Container>, DockerError> {
    let inspected: Vec<Inspected> = serde_json::from_str(text)
        .map_err(|_| garbage("docker inspect", "description of containers", text))?;
    Ok(inspected.into_iter().map(Container::from).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    image: String,
    #[serde(default)]
    restart_count: u32,
    state: InspectedState,
    config: InspectedConfig,
    #[serde(default)]
    host_config: InspectedHost,
    network_settings: InspectedNetwork,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    #[serde(default)]
    pid: i32,
    #[serde(default)]
    started_at: String,
    health: Option<InspectedHealth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedHealth {
    status: String,
    log: Option<Vec<InspectedCheck>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedCheck {
    #[serde(default)]
    output: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedConfig {
    labels: Option<BTreeMap<String, String>>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct InspectedHost {
    restart_policy: Option<InspectedPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedPolicy {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedNetwork {
    ports: Option<BTreeMap<String, Option<Vec<InspectedBinding>>>>,
    networks: Option<BTreeMap<String, InspectedEndpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedBinding {
    #[serde(default)]
    host_ip: String,
    host_port: String,
}

#[derive(Deserialize)]
struct InspectedEndpoint {
    #[serde(default, rename = "IPAddress")]
    address: String,
}

impl From<Inspected> for Container {
    fn from(found: Inspected) -> Self {
        let labels = found.config.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned();
        let state = found.state;
        let life = match state.status.as_str() {
            "created" => Life::Created,
            "running" => Life::Running,
            "restarting" => Life::Restarting { code: state.exit_code },
            "paused" => Life::Paused,
            "removing" => Life::Removing,
            _ => Life::Exited { code: state.exit_code, out_of_memory: state.out_of_memory },
        };
        let health = state.health.filter(|health| health.status != "none").map(|health| Checked {
            last_output: health.log.unwrap_or_default().pop().map(|check| check.output.trim().to_owned()),
            status: health.status,
        });
        let networks = found.network_settings.networks.unwrap_or_default();
        let bound = found.network_settings.ports.unwrap_or_default();
        let exposed = found.config.exposed_ports.unwrap_or_default();
        let policy = found.host_config.restart_policy.map(|policy| policy.name).unwrap_or_default();
        Self {
            id: found.id,
            name: found.name.trim_start_matches('/').to_owned(),
            service: label(SERVICE).unwrap_or_default(),
            number: label(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
            one_off: label(ONE_OFF).is_some_and(|word| word.eq_ignore_ascii_case("true")),
            image: found.image,
            config_hash: label(CONFIG_HASH),
            working_dir: label(WORKING_DIR).map(PathBuf::from),
            life,
            health,
            restarts: found.restart_count,
            restarted: !matches!(policy.as_str(), "" | "no"),
            started: milliseconds(&state.started_at),
            pid: Some(state.pid).filter(|pid| *pid > 0),
            addresses: networks.into_values().map(|one| one.address).filter(|one| !one.is_empty()).collect(),
            ports: exposed.keys().chain(bound.keys()).filter_map(|port| tcp_port(port)).collect(),
            published: bound
                .iter()
                .filter_map(|(port, bindings)| {
                    let bindings = bindings.as_ref()?;
                    // Docker binds both kinds of addresses; people use the one of IPv4.
                    let binding = bindings
                        .iter()
                        .find(|one| !one.host_ip.contains(':'))
                        .or_else(|| bindings.first())?;
                    Some((tcp_port(port)?, host_endpoint(&binding.host_ip, &binding.host_port)?))
                })
                .collect(),
        }
    }
}

/// `5432/tcp`.
fn tcp_port(text: &str) -> Option<u16> {
    text.strip_suffix("/tcp")?.parse().ok()
}

/// Where a published port is reached from here: one that is open to all is open to us.
fn host_endpoint(ip: &str, port: &str) -> Option<Endpoint> {
    let port = port.parse().ok()?;
    Some(match ip {
        "" | "0.0.0.0" | "::" => Endpoint::local(port),
        ip => Endpoint::new(ip, port),
    })
}

/// A time of Docker's (`2026-11-25T10:00:00.123456789Z`) in milliseconds since 1970; what never was is none.
fn milliseconds(text: &str) -> Option<u64> {
    let time: std::time::SystemTime = backlot_logs::parse_time(text)?;
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use backlot_plan::Endpoint;

    use super::parse;
    use crate::container::{Checked, Life};
    use std::collections::BTreeSet;

    /// As an engine of version 20.10 describes a container, without what is not read.
    fn described(state: &str) -> String {
        format!(
            r#"[{{
                "Id": "c28be4da", "Name": "/production-web-2", "Image": "sha256:aea5", "RestartCount": 3,
                "State": {state},
                "HostConfig": {{"RestartPolicy": {{"Name": "unless-stopped", "MaximumRetryCount": 0}}}},
                "Config": {{
                    "ExposedPorts": {{"8000/tcp": {{}}, "53/udp": {{}}}},
                    "Labels": {{
                        "com.docker.compose.project": "production",
                        "com.docker.compose.service": "web",
                        "com.docker.compose.container-number": "2",
                        "com.docker.compose.oneoff": "False",
                        "com.docker.compose.config-hash": "8af2",
                        "com.docker.compose.project.working_dir": "/home/ada/blog/docker"
                    }}
                }},
                "NetworkSettings": {{
                    "Ports": {{
                        "8000/tcp": [
                            {{"HostIp": "::", "HostPort": "32769"}},
                            {{"HostIp": "0.0.0.0", "HostPort": "32768"}}
                        ],
                        "9000/tcp": null
                    }},
                    "Networks": {{"production_default": {{"IPAddress": "172.18.0.4"}}}}
                }}
            }}]"#
        )
    }

    fn state(status: &str) -> String {
        format!(
            r#"{{"Status": "{status}", "OOMKilled": false, "Pid": 4711, "ExitCode": 3, "StartedAt": "1970-01-01T00:00:01.5Z"}}"#
        )
    }

    #[test]
    fn a_container_is_read() {
        let found = parse(&described(&state("running"))).unwrap().pop().unwrap();
        assert_eq!(
            (found.name.as_str(), found.service.as_str(), found.number),
            ("production-web-2", "web", 2)
        );
        assert_eq!(
            (found.life, found.restarts, found.restarted, found.one_off),
            (Life::Running, 3, true, false)
        );
        assert_eq!((found.pid, found.started), (Some(4711), Some(1500)));
        assert_eq!(found.addresses, ["172.18.0.4"]);
        assert_eq!(found.ports, BTreeSet::from([8000, 9000]));
        assert_eq!(found.published, [(8000, Endpoint::local(32_768))].into());
        assert_eq!(found.config_hash.as_deref(), Some("8af2"));
        assert_eq!(found.working_dir.unwrap(), std::path::Path::new("/home/ada/blog/docker"));
    }

    #[test]
    fn a_life_has_a_name() {
        for (status, life) in [
            ("created", Life::Created),
            ("restarting", Life::Restarting { code: 3 }),
            ("exited", Life::Exited { code: 3, out_of_memory: false }),
            ("dead", Life::Exited { code: 3, out_of_memory: false }),
            ("paused", Life::Paused),
            ("removing", Life::Removing),
        ] {
            assert_eq!(parse(&described(&state(status))).unwrap()[0].life, life, "{status}");
        }
    }

    #[test]
    fn a_health_check_tells_what_it_printed_last() {
        let state = r#"{"Status": "running", "Health": {"Status": "unhealthy", "Log": [
            {"ExitCode": 0, "Output": "fine"}, {"ExitCode": 1, "Output": "no answer\n"}
        ]}}"#;
        let health = parse(&described(state)).unwrap().pop().unwrap().health;
        assert_eq!(
            health,
            Some(Checked { status: "unhealthy".into(), last_output: Some("no answer".into()) })
        );
    }

    #[test]
    fn nonsense_is_an_error_and_nothing_is_nothing() {
        assert!(parse("[]").unwrap().is_empty());
        for text in ["", "null", "{}", "[1]", "<html>", "[{\"Id\": \"x\"}]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
