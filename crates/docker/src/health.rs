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
/// How long it is waited for that somebody listens at ports that are only spoken of: `EXPOSE` and `expose` are notes.
const EXPOSED_MS: u64 = 10_000;

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
    let age = container.started.map_or(0, |started| now_ms.saturating_sub(started));
    let Some(address) = container.addresses.first().filter(|_| !ports.is_empty()) else {
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
    let is_quiet = age >= EXPOSED_MS && !has_to_listen(container, record);
    if is_quiet || ports.iter().any(knock) {
        return Condition::healthy();
    }
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Condition::of(
        Health::Starting,
        format!("nothing listens on port {} in its container", ports.join(" or ")),
    )
}

/// Whether somebody is sent to a container's ports: to those that are published, and by an nginx. A worker that has the image of a web
/// server has its `EXPOSE`, too.
fn has_to_listen(container: &Container, record: &DockerRecord) -> bool {
    let is_behind = |behind: &BTreeSet<String>| behind.contains(&container.service);
    !container.published.is_empty()
        || record.fronts.contains_key(&container.service)
        || record.fronts.values().any(is_behind)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::{Ipv4Addr, TcpListener};

    use backlot_plan::Endpoint;
    use backlot_project::ComposeCall;
    use backlot_state::DockerRecord;
    use backlot_supervisor::Health;

    use super::condition;
    use crate::container::{Container, Life};

    /// A container of a minute's age with a port at which nobody listens.
    fn silent(published: bool) -> Container {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let published = published.then(|| (port, Endpoint::new("127.0.0.1", port)));
        Container {
            id: "1".into(),
            name: "shop-worker-1".into(),
            service: "worker".into(),
            number: 1,
            one_off: false,
            image: "2".into(),
            config_hash: None,
            working_dir: None,
            life: Life::Running,
            health: None,
            restarts: 0,
            restarted: false,
            started: Some(0),
            pid: None,
            addresses: vec!["127.0.0.1".into()],
            ports: [port].into(),
            published: published.into_iter().collect(),
        }
    }

    fn health(container: &Container, front: Option<&str>, now_ms: u64) -> Health {
        let behind: BTreeSet<String> = front.map(str::to_owned).into_iter().collect();
        let record = DockerRecord {
            project: "shop".into(),
            call: ComposeCall::default(),
            variables: BTreeMap::new(),
            ports: BTreeMap::new(),
            fronts: [("nginx".to_owned(), behind)].into(),
            throwaway: false,
            prepared: false,
            database: None,
        };
        condition(container, &record, now_ms).unwrap().health
    }

    #[test]
    fn a_port_that_is_only_spoken_of_need_not_be_listened_at() {
        let worker = silent(false);
        assert_eq!(health(&worker, None, 9_999), Health::Starting);
        assert_eq!(health(&worker, None, 10_000), Health::Healthy);
        assert_eq!(health(&worker, Some("web"), 60_000), Health::Healthy);
        assert_eq!(health(&worker, Some("worker"), 60_000), Health::Starting);
        assert_eq!(health(&silent(true), None, 60_000), Health::Starting);
    }
}
