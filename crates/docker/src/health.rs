//! How a container does: by its health check, else by whether it answers at its ports, as on the native engine.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use backlot_plan::Endpoint;
use backlot_postgres::{Connection, DEFAULT_PORT};
use backlot_process::in_full;
use backlot_state::{DockerRecord, LiveDatabase};
use backlot_supervisor::Health;

use crate::container::{Container, Life};

/// How long a container on this machine may take to accept a connection.
const KNOCK_LIMIT: Duration = Duration::from_millis(300);
/// How long a database may take to answer.
const DATABASE_LIMIT: Duration = Duration::from_secs(2);
/// How long a container without port and check has to run to count as ready.
const SETTLED_MS: u64 = 300;

/// How a running container does, and why it is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) health: Health,
    pub(super) reason: Option<String>,
}

impl Condition {
    fn of(health: Health, reason: impl Into<String>) -> Self {
        Self { health, reason: Some(reason.into()) }
    }

    fn healthy() -> Self {
        Self { health: Health::Healthy, reason: None }
    }
}

/// How `container` does; none while it does not run.
pub(super) fn condition(container: &Container, record: &DockerRecord, now_ms: u64) -> Option<Condition> {
    if container.life != Life::Running {
        return None;
    }
    if let Some(check) = &container.health {
        let last = check.last_output.as_ref().filter(|output| !output.is_empty());
        let last = last.map_or_else(
            || "its health check fails".to_owned(),
            |last| format!("its health check says: {last}"),
        );
        return Some(match check.status.as_str() {
            "healthy" => Condition::healthy(),
            "starting" => Condition::of(Health::Starting, "its health check has not passed yet"),
            _ => Condition::of(Health::Unhealthy, last),
        });
    }
    if let Some(database) = record.database.as_ref().filter(|database| database.service == container.service)
    {
        let initial =
            backlot_state::ContainerDatabase { database: database.initial.clone(), ..database.clone() };
        let address = database_address(container)?;
        let live = LiveDatabase::in_container(&initial, &container.id, &address, None);
        return Some(match Connection::open(&live.access, DATABASE_LIMIT) {
            Ok(_) => Condition::healthy(),
            Err(error) => Condition::of(Health::Starting, in_full(&error)),
        });
    }
    Some(listening(container, record, now_ms))
}

/// Where the database in a container is reached: where it is published, else in its network.
pub(super) fn database_address(container: &Container) -> Option<Endpoint> {
    let inside = || container.addresses.first().map(|address| Endpoint::new(address, DEFAULT_PORT));
    container.published.get(&DEFAULT_PORT).cloned().or_else(inside)
}

fn listening(container: &Container, record: &DockerRecord, now_ms: u64) -> Condition {
    // An image exposes ports that nobody has to listen on; what the files say counts for more.
    let known = record.ports.get(&container.service).filter(|ports| !ports.is_empty());
    let ports: &BTreeSet<u16> = known.unwrap_or(&container.ports);
    let Some(address) = container.addresses.first().filter(|_| !ports.is_empty()) else {
        let age = container.started.map_or(0, |started| now_ms.saturating_sub(started));
        return if age >= SETTLED_MS {
            Condition::healthy()
        } else {
            Condition::of(Health::Starting, "it has just been started")
        };
    };
    let knock = |port: &u16| -> bool {
        let address: Option<SocketAddr> = format!("{address}:{port}").parse().ok();
        address.is_some_and(|address| TcpStream::connect_timeout(&address, KNOCK_LIMIT).is_ok())
    };
    if ports.iter().any(knock) {
        return Condition::healthy();
    }
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Condition::of(
        Health::Starting,
        format!("nothing listens on port {} in its container", ports.join(" or ")),
    )
}
