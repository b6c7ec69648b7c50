//! A scenario on Docker, in a listing.

use std::time::Duration;

use backlot_postgres::Connection;
use backlot_state::{EngineError, EngineKind, Filling, Site, State, Summary, now};
use backlot_supervisor::ServiceReport;

use crate::client::Client;
use crate::container::Life;
use crate::report::report;
use crate::running;

/// How long a listing waits for a database that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How the environment at `site` does, of which it is known whether its Compose project `is_up`: Docker is not asked.
///
/// # Errors
/// When its state cannot be read.
pub fn glance(site: &Site, name: &str, is_up: &dyn Fn(&str) -> Option<bool>) -> Result<Summary, EngineError> {
    let seen = summary(None, site, name)?;
    let project = site.record()?.and_then(|record| record.docker).map(|docker| docker.project);
    let state = match (seen.state, project.and_then(|project| is_up(&project))) {
        (State::Unreachable, Some(true)) => State::Running,
        (State::Unreachable, Some(false)) => State::Stopped,
        (state, _) => state,
    };
    Ok(Summary { state, ..seen })
}

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
    let reports = report(containers.as_deref().unwrap_or_default(), docker).into_iter();
    let starting = reports.filter(ServiceReport::is_starting).map(|service| service.name);
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
        names: None,
        starting: starting.collect(),
        orphans: Vec::new(),
    })
}
