//! A scenario on Docker, in a listing.

use std::time::Duration;

use backlot_postgres::Connection;
use backlot_state::{EngineError, EngineKind, Filling, Site, State, Summary, now};

use crate::client::Client;
use crate::container::Life;
use crate::running;

/// How long a listing waits for a database that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How the environment at `site` does; without a client and a daemon that answers, that is not known.
pub fn summary(client: Option<&Client>, site: &Site, name: &str) -> Result<Summary, EngineError> {
    let record = site.record()?.ok_or_else(|| site.not_up())?;
    let docker = record.docker.as_ref().ok_or_else(|| site.not_up())?;
    let containers = client.and_then(|client| client.containers(&docker.project).ok());
    let live = docker.database.as_ref().zip(containers.as_ref());
    let database = live.and_then(|(database, containers)| running::find(database, containers));
    let state = match (&containers, &database) {
        _ if site.is_busy()? => State::Busy,
        (None, _) => State::Unreachable,
        (Some(_), None) => State::Stopped,
        (Some(_), Some(_)) => match record.filling {
            Filling::None | Filling::Done => State::Running,
            Filling::Begun => State::HalfMade,
            Filling::Failed { .. } => State::Failed,
        },
    };
    let bytes = database.as_ref().and_then(|database| {
        let mut connection = Connection::open(&database.access, ANSWER_LIMIT).ok()?;
        connection.database_size(database.database()).ok()
    });
    let wanted = docker.database.as_ref();
    let beside = containers.iter().flatten().filter(|container| {
        container.life == Life::Running && Some(&container.service) != wanted.map(|one| &one.service)
    });
    let services = beside.flat_map(|container| {
        container.published.values().map(|endpoint| (container.service.clone(), endpoint.port))
    });
    Ok(Summary {
        name: name.to_owned(),
        environment: site.name().to_owned(),
        state,
        engine: Some(EngineKind::Docker),
        port: database.as_ref().map(backlot_state::LiveDatabase::port),
        database: wanted.map(|one| one.database.clone()),
        size: bytes,
        age: Some(now().saturating_sub(record.created)),
        services: services.collect(),
        orphans: Vec::new(),
    })
}
