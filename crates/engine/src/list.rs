//! What environments there are, how they do, and what killed commands have left.

use std::collections::BTreeMap;
use std::time::Duration;

use backlot_postgres::{Connection, Templates, Unfinished};
use backlot_project::Project;

use crate::error::EngineError;
use crate::home::Home;
use crate::native::status;
use crate::native::{access, mark};
use crate::record::{EngineKind, Filling, Record, now};
use crate::site::Site;

/// How long a listing waits for a database that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What the names of scenarios begin with on disk.
const SCENARIO: &str = "scenario_";

/// How an environment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A command is making or removing it right now.
    Busy,
    /// It is up and filled.
    Running,
    /// Its file failed; the half-filled database is up.
    Failed,
    /// Whoever made it was killed in the middle.
    HalfMade,
    /// Its server is gone, its files are there.
    Stopped,
    /// Its state file cannot be read.
    Damaged,
    /// No Docker daemon answers that could tell.
    Unreachable,
    /// What a killed command has left, which the next one removes.
    LeftOver,
}

impl State {
    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::HalfMade => "half-made",
            Self::Stopped => "stopped",
            Self::Damaged => "damaged",
            Self::Unreachable => "unreachable",
            Self::LeftOver => "left over",
        }
    }
}

/// An environment in a listing.
#[derive(Debug)]
pub struct Summary {
    /// Its name; a scenario's is that of the scenario.
    pub name: String,
    /// Its name on disk.
    pub environment: String,
    /// How it does.
    pub state: State,
    /// What runs it, as far as the record tells.
    pub engine: Option<EngineKind>,
    /// The port of its database.
    pub port: Option<u16>,
    /// The name of its database.
    pub database: Option<String>,
    /// The size of its database, in bytes, when it answers.
    pub size: Option<u64>,
    /// How long ago it was made, in seconds.
    pub age: Option<u64>,
    /// The ports at which its other services are reached.
    pub services: Vec<(String, u16)>,
    /// Processes that nobody answers for any more, since all who did were killed; the next command ends them.
    pub orphans: Vec<i32>,
}

/// The name under which templates are listed, of which killed commands have left some that are unfinished.
const TEMPLATES: &str = "templates";

/// The scenarios of a project that are up or have left something, by name.
///
/// # Errors
/// When the state directory cannot be read.
pub fn list(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
) -> Result<Vec<Summary>, EngineError> {
    summaries(home, project, caller, |site| site.name().starts_with(SCENARIO))
}

/// All environments of a project that are up or have left something, by name, and what is left of unfinished templates.
///
/// # Errors
/// When the state directory cannot be read.
pub fn list_all(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
) -> Result<Vec<Summary>, EngineError> {
    let mut all = summaries(home, project, caller, |_| true)?;
    if let Some(work) = Templates::new(home.templates(), home.owner().clone()).unfinished_work() {
        let state = match work {
            Unfinished::UnderWay => State::Busy,
            Unfinished::LeftOver => State::LeftOver,
        };
        all.push(Summary { state, ..left_over(TEMPLATES, TEMPLATES) });
    }
    Ok(all)
}

fn summaries(
    home: &Home,
    project: &Project,
    caller: &BTreeMap<String, String>,
    wanted: impl Fn(&Site) -> bool,
) -> Result<Vec<Summary>, EngineError> {
    let mut found = Vec::new();
    for site in Site::all(home, project)?.iter().filter(|site| wanted(site)) {
        let name = site.name().strip_prefix(SCENARIO).unwrap_or(site.name());
        if site.live().is_dir() {
            found.push(summary(site, name, caller)?);
        } else if site.has_leftovers() {
            let state = if site.is_busy()? { State::Busy } else { State::LeftOver };
            found.push(Summary { state, ..left_over(name, site.name()) });
        }
    }
    Ok(found)
}

fn left_over(name: &str, environment: &str) -> Summary {
    Summary {
        name: name.to_owned(),
        environment: environment.to_owned(),
        state: State::LeftOver,
        engine: None,
        port: None,
        database: None,
        size: None,
        age: None,
        services: Vec::new(),
        orphans: Vec::new(),
    }
}

fn summary(site: &Site, name: &str, caller: &BTreeMap<String, String>) -> Result<Summary, EngineError> {
    let record = site.record();
    if let Ok(Some(Record { docker: Some(docker), .. })) = &record
        && let Ok(Some(record)) = &record
    {
        let client = crate::docker::Client::locate(caller).ok();
        return crate::docker::summary(client.as_ref(), site, name, record, docker);
    }
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
    let services = status(site).unwrap_or_default();
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
    let mut connection = Connection::open(&access(database), ANSWER_LIMIT).ok()?;
    connection.database_size(&database.database).ok()
}
