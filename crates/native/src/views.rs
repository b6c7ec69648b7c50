//! What of a running environment can be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use backlot_logs::{ForeignLog, LogQuery};
use backlot_plan::{Endpoint, Protocol};
use backlot_process::OF_THE_TERMINAL;
use backlot_stack::database_variables;
use backlot_state::{DatabaseRecord, EngineError, Site};
use backlot_supervisor::{
    Answer, ClientError, Described, EndpointReport, Health, ReplicaReport, Request, ServiceReport, State,
};

use crate::all_running;
use crate::running_service;
use crate::supervise::ask;

/// How long a supervisor that ends may take until nothing is left of it: its guard ends what it ran, which takes its time
/// on a busy machine.
const ENDING: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(10);

/// How the services of the environment at `site` do.
///
/// # Errors
/// [`EngineError::NoServices`] when no supervisor runs them.
pub(crate) fn status(site: &Site) -> Result<Vec<ServiceReport>, EngineError> {
    let begun = Instant::now();
    loop {
        match ask_now(site, &Request::Status) {
            Ok(Answer::Status(services)) => return Ok(services),
            Ok(Answer::Nothing | Answer::Plan(_) | Answer::Described(_) | Answer::Exit { .. }) => {
                return Err(ClientError::Gone.into());
            }
            // It is about to end, or has just been killed: in a moment that is clear.
            Err(EngineError::Control(_)) if begun.elapsed() < ENDING => std::thread::sleep(STEP),
            Err(error) => return Err(error),
        }
    }
}

/// The databases of an environment, as services: those that run.
///
/// # Errors
/// When the state of the environment cannot be read.
pub(crate) fn databases_alone(site: &Site) -> Result<Vec<ServiceReport>, EngineError> {
    Ok(all_running(site)?.into_iter().map(report).collect())
}

fn report(database: DatabaseRecord) -> ServiceReport {
    let address = Endpoint::local(database.port);
    let endpoint = EndpointReport {
        target: database.inside_port,
        address: address.clone(),
        published: true,
        protocol: Protocol::Tcp,
    };
    let replica = ReplicaReport {
        number: 1,
        state: State::Running,
        health: Some(Health::Healthy),
        reason: None,
        addresses: vec![address],
        pid: Some(database.process.pid),
        started: started(&database),
        restarts: 0,
        own: None,
        ports: BTreeMap::new(),
    };
    ServiceReport {
        name: database.service,
        engine: "native".to_owned(),
        wanted: 1,
        rolling: false,
        endpoints: vec![endpoint],
        replicas: vec![replica],
    }
}

/// When a server was started, in milliseconds since 1970: it says so in seconds, in the third line of its lock file.
fn started(database: &DatabaseRecord) -> Option<u64> {
    let lock = backlot_files::text(&database.data_dir.join("postmaster.pid")).ok()?;
    let seconds: u64 = lock.lines().nth(2)?.trim().parse().ok()?;
    seconds.checked_mul(1000)
}

/// What the service `name` is made of, for a command that is to run beside it.
///
/// # Errors
/// When it does not run.
pub(crate) fn describe(
    site: &Site,
    name: &str,
    caller: &BTreeMap<String, String>,
) -> Result<Described, EngineError> {
    match ask_now(site, &Request::Describe { service: name.to_owned() }) {
        Ok(Answer::Described(mut described)) => {
            // Other than the service, the command runs on the caller's terminal.
            for name in OF_THE_TERMINAL {
                let value = caller.get(name).map(|value| (name.to_owned(), value.clone()));
                described.variables.extend(value);
            }
            Ok(*described)
        }
        Ok(Answer::Nothing | Answer::Status(_) | Answer::Plan(_) | Answer::Exit { .. }) => {
            Err(ClientError::Gone.into())
        }
        Err(EngineError::NoServices { environment }) => match running_service(site, name) {
            Ok(database) => {
                let directory = site.record()?.map_or_else(|| site.live(), |record| record.project);
                Ok(Described {
                    variables: database_variables(&database, caller),
                    directory,
                    mounts: Vec::new(),
                    process: None,
                    own: None,
                    called: None,
                    container: None,
                })
            }
            Err(EngineError::NotUp { .. }) => Err(EngineError::NoServices { environment }),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// The logs of `services` of the environment at `site`; none named means all.
///
/// # Errors
/// [`EngineError::NotUp`] when there are none.
pub(crate) fn log_query(site: &Site, services: Vec<String>) -> Result<LogQuery, EngineError> {
    if !site.live().is_dir() {
        return Err(EngineError::NotUp { environment: site.name().to_owned(), exists: false });
    }
    let parts = site.parts();
    let foreign = parts.iter().chain([site]).filter_map(|place| {
        let service = place.record().ok().flatten()?.database?.service;
        Some(ForeignLog { path: place.log(&service), service })
    });
    Ok(LogQuery { services, foreign: foreign.collect(), ..LogQuery::new(site.logs()) })
}

/// The services that have printed something, and the gateway, which has a log of its own.
pub(crate) fn services_with_logs(site: &Site) -> BTreeSet<String> {
    let files = std::fs::read_dir(site.logs()).into_iter().flatten().flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.split_once(".log")?.0.to_owned()));
    names.chain(["gateway".to_owned()]).collect()
}

pub(crate) fn ask_now(site: &Site, request: &Request) -> Result<Answer, EngineError> {
    ask(site, request, &AtomicBool::new(false), &mut |_| {})
}
