//! An environment of processes in a listing.

use std::time::Duration;

use backlot_postgres::Connection;
use backlot_state::{EngineError, Filling, Record, Site, State, Summary, mark, now};

use crate::views::{databases_alone, status};

/// How long a listing waits for a database that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How the environment at `site` does.
pub(super) fn summary(site: &Site, name: &str) -> Result<Summary, EngineError> {
    let record = site.record();
    let database = record.as_ref().ok().and_then(Option::as_ref).and_then(|record| record.database.as_ref());
    // Without a record, whoever holds the lock counts; with one, it has to be the server that it tells of.
    let running = site.is_running()? && database.is_none_or(|database| database.process.is_alive());
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
    Ok(Summary {
        name: name.to_owned(),
        environment: site.name().to_owned(),
        state,
        engine: record.as_ref().map(|record| record.engine),
        port: database.filter(|_| running).map(|database| database.port),
        database: database.map(|database| database.database.clone()),
        size: record.as_ref().filter(|_| running).and_then(size),
        age: record.as_ref().map(|record| now().saturating_sub(record.created)),
        services: services(site, database.map(|database| database.service.as_str())),
        orphans: mark::orphans(site),
    })
}

/// The published ports of the services that a supervisor runs, beside the database.
fn services(site: &Site, database: Option<&str>) -> Vec<(String, u16)> {
    let services = status(site).or_else(|_| databases_alone(site)).unwrap_or_default();
    let beside = services.into_iter().filter(|service| Some(service.name.as_str()) != database);
    beside
        .flat_map(|service| {
            let published = service.endpoints.into_iter().filter(|endpoint| endpoint.published);
            published.map(|endpoint| (service.name.clone(), endpoint.address.port)).collect::<Vec<_>>()
        })
        .collect()
}

fn size(record: &Record) -> Option<u64> {
    let database = record.database.as_ref()?;
    let mut connection = Connection::open(&database.access(), ANSWER_LIMIT).ok()?;
    connection.database_size(&database.database).ok()
}
