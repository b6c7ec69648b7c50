//! Containers in the words that all engines use.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use backlot_facts::container::is_usually_tcp;
use backlot_plan::{Endpoint, Protocol};
use backlot_state::DockerRecord;
use backlot_supervisor::{EndpointReport, ReplicaReport, ServiceReport, State};

use crate::container::{Container, Life};
use crate::health::condition;

/// How the services do that have containers, by name.
pub(super) fn report(containers: &[Container], record: &DockerRecord) -> Vec<ServiceReport> {
    let mut services: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in containers.iter().filter(|container| !container.one_off) {
        services.entry(&container.service).or_default().push(container);
    }
    services.into_iter().map(|(name, containers)| service(name, &containers, record)).collect()
}

fn service(name: &str, containers: &[&Container], record: &DockerRecord) -> ServiceReport {
    ServiceReport {
        name: name.to_owned(),
        engine: "docker".to_owned(),
        wanted: u32::try_from(containers.len()).unwrap_or(u32::MAX),
        rolling: false,
        endpoints: endpoints(name, containers, record),
        replicas: containers.iter().map(|container| replica(container, record)).collect(),
    }
}

/// Where a service is reached: where it is published on this machine; else by its name, in the stack's own network.
fn endpoints(name: &str, containers: &[&Container], record: &DockerRecord) -> Vec<EndpointReport> {
    let is_database = record.database.as_ref().is_some_and(|database| database.service == name);
    let protocol =
        |target: u16| if is_database || is_usually_tcp(target) { Protocol::Tcp } else { Protocol::Http };
    let published = containers.iter().flat_map(|container| &container.published);
    let mut found: Vec<EndpointReport> = published
        .map(|(target, address)| EndpointReport {
            target: *target,
            address: address.clone(),
            published: true,
            protocol: protocol(*target),
        })
        .collect();
    for target in record.ports.get(name).into_iter().flatten() {
        if !found.iter().any(|endpoint| endpoint.target == *target) {
            let address = Endpoint::new(name, *target);
            found.push(EndpointReport {
                target: *target,
                address,
                published: false,
                protocol: protocol(*target),
            });
        }
    }
    found
}

fn replica(container: &Container, record: &DockerRecord) -> ReplicaReport {
    let condition = condition(container, record, now_ms());
    let known = record.ports.get(&container.service).filter(|ports| !ports.is_empty());
    let ports = known.unwrap_or(&container.ports);
    let addresses = container.addresses.iter();
    let mut reason = condition.as_ref().and_then(|condition| condition.reason.clone());
    if let Life::Exited { code, .. } | Life::Restarting { code } = container.life {
        reason = Some(format!("it ended with exit code {code}"));
    }
    ReplicaReport {
        number: container.number,
        state: state(container),
        health: condition.map(|condition| condition.health),
        reason,
        addresses: addresses
            .flat_map(|address| ports.iter().map(move |port| Endpoint::new(address, *port)))
            .collect(),
        pid: container.pid.filter(|pid| is_here(*pid, &container.id)),
        started: container.started.filter(|_| container.life == Life::Running),
        restarts: container.restarts,
        own: None,
        ports: BTreeMap::new(),
    }
}

fn state(container: &Container) -> State {
    match container.life {
        Life::Created => State::Starting,
        Life::Running => State::Running,
        Life::Restarting { .. } => State::Restarting,
        Life::Exited { code: 0, .. } => State::Completed,
        Life::Exited { .. } => State::Failed,
        Life::Paused => State::Blocked,
        Life::Removing => State::Stopping,
    }
}

/// Whether this process of the daemon's machine is one of this machine, as it is unless the daemon runs elsewhere.
#[cfg(target_os = "linux")]
fn is_here(pid: i32, id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(id))
}

/// Elsewhere the daemon runs in a machine of its own.
#[cfg(not(target_os = "linux"))]
fn is_here(_pid: i32, _id: &str) -> bool {
    false
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
