//! An environment of processes in a listing.

use std::time::Duration;

use backlot_postgres::Connection;
use backlot_state::{EngineError, Filling, Record, Site, State, Summary, mark, now};
use backlot_supervisor::ServiceReport;

use crate::views::{databases_alone, status};

/// How long a listing waits for a database that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How the environment at `site` does.
pub(super) fn summary(site: &Site, name: &str) -> Result<Summary, EngineError> {
    let seen = glance(site, name)?;
    let record = site.record().ok().flatten().filter(|_| seen.port.is_some());
    Ok(Summary { size: record.as_ref().and_then(size), ..seen })
}

/// The same without the size of its database, which nobody but that knows.
///
/// # Errors
/// When its state cannot be read.
pub fn glance(site: &Site, name: &str) -> Result<Summary, EngineError> {
    let record = site.record();
    let database = record.as_ref().ok().and_then(Option::as_ref).and_then(|record| record.database.as_ref());
    // Without a record, whoever holds the lock counts; with one, it has to be the server that it tells of.
    let supervised = site.is_supervised()?;
    let running = match database {
        Some(database) => site.is_running()? && database.process.is_alive(),
        None => site.is_running()? || supervised && matches!(record, Ok(Some(_))),
    };
    let state = match &record {
        _ if site.is_busy()? => State::Busy,
        Err(_) => State::Damaged,
        Ok(Some(record)) if running => match record.filling {
            Filling::None | Filling::Done => State::Running,
            Filling::Begun => State::HalfMade,
            Filling::Failed { .. } => State::Failed,
        },
        Ok(None) if running => State::HalfMade,
        Ok(Some(_) | None) => State::Stopped,
    };
    let record = record.ok().flatten();
    let database = record.as_ref().and_then(|record| record.database.as_ref());
    // Those that a supervisor runs, beside the database.
    let seen = if supervised { status(site).ok() } else { None };
    let alone = || if running { databases_alone(site).unwrap_or_default() } else { Vec::new() };
    let mut services = seen.unwrap_or_else(alone);
    services.retain(|service| database.is_none_or(|database| service.name != database.service));
    Ok(Summary {
        name: name.to_owned(),
        environment: site.name().to_owned(),
        state,
        engine: record.as_ref().map(|record| record.engine),
        port: database.filter(|_| running).map(|database| database.port),
        database: database.map(|database| database.database.clone()),
        size: None,
        age: record.as_ref().map(|record| now().saturating_sub(record.created)),
        services: published(&services),
        names: None,
        starting: services
            .into_iter()
            .filter(ServiceReport::is_starting)
            .map(|service| service.name)
            .collect(),
        orphans: mark::orphans(site),
    })
}

/// The published ports of these services.
fn published(services: &[ServiceReport]) -> Vec<(String, u16)> {
    let reached = |service: &ServiceReport| {
        let published = service.endpoints.iter().filter(|endpoint| endpoint.published);
        published.map(|endpoint| (service.name.clone(), endpoint.address.port)).collect::<Vec<_>>()
    };
    services.iter().flat_map(reached).collect()
}

fn size(record: &Record) -> Option<u64> {
    let database = record.database.as_ref()?;
    let mut connection = Connection::open(&database.access(), ANSWER_LIMIT).ok()?;
    connection.database_size(&database.database).ok()
}
