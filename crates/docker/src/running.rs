//! A database that runs in a container of ours.

use backlot_plan::Endpoint;
use backlot_postgres::{Installation, SearchPlaces};
use backlot_state::{ContainerDatabase, EngineError, LiveDatabase, Site};

use crate::client::Client;
use crate::container::{Container, Life};
use crate::health::database_address;

/// The database of the environment at `site`, as its record and Docker tell.
///
/// # Errors
/// [`EngineError::NotUp`] when it does not run.
pub(crate) fn running(client: &Client, site: &Site) -> Result<LiveDatabase, EngineError> {
    let docker = client.record_at(site)?;
    let database = docker.as_ref().and_then(|docker| docker.database.as_ref().map(|one| (docker, one)));
    let live = match database {
        Some((docker, database)) => find(database, &client.containers(&docker.project)?),
        None => None,
    };
    live.ok_or_else(|| site.not_up())
}

/// The database among the containers of its project, if it runs.
pub(super) fn find(database: &ContainerDatabase, containers: &[Container]) -> Option<LiveDatabase> {
    let runs = |container: &&Container| {
        container.service == database.service && container.life == Life::Running && !container.one_off
    };
    let container = containers.iter().find(runs)?;
    Some(live(database, container, &database_address(container)?))
}

/// The database in `container`, which is reached at `endpoint`.
pub(super) fn live(database: &ContainerDatabase, container: &Container, endpoint: &Endpoint) -> LiveDatabase {
    LiveDatabase::in_container(database, &container.id, endpoint, programs())
}

/// Postgres' own programs on this machine, for their psql: the newest speaks to all servers.
fn programs() -> Option<Installation> {
    let places = SearchPlaces { explicit: None, path: None, roots: SearchPlaces::default_roots() };
    Installation::locate(&places, None).ok()
}

/// The first running container of a service, by its id; and the services that have one.
pub(crate) fn first_running(
    client: &Client,
    project: &str,
    service: &str,
) -> Result<(Option<String>, Vec<String>), EngineError> {
    let mut containers = client.containers(project)?;
    containers.retain(|container| container.life == Life::Running && !container.one_off);
    let mut known: Vec<String> = containers.iter().map(|container| container.service.clone()).collect();
    known.dedup();
    let found = containers.into_iter().find(|container| container.service == service);
    Ok((found.map(|container| container.id), known))
}
