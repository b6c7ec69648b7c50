//! From what is wanted and what is there to the steps between.
//!
//! Nothing here performs I/O or reads a clock: a plan is a value. `--dry-run` prints it, an engine carries it out, and
//! the tests run it against a model of the world, cut short at every place, to see that the next plan repairs it.

mod containers;
mod desired;
mod observed;
mod postgres;
mod services;
mod step;
pub mod supervise;
mod words;

pub use containers::{
    ContainerRemoval, ContainerStep, DesiredContainers, ObservedContainers, containers_down, containers_up,
};
pub use desired::{Desired, Port, Storage, Volume};
pub use observed::{Filling, Observed, Server};
pub use postgres::PostgresWish;
pub use services::{Difference, ServiceChange, ServiceStep, service_steps};
pub use step::{Removal, Step, Told};
pub use words::{Condition, Dependency, Endpoint, EndpointError, HealthTimes, Protocol, RestartPolicy};

/// The steps that bring the environment up.
///
/// What is already there is left alone, unless `fresh` asks for a new one; what an interrupted `up` left half-made is
/// removed first. A server that the files have changed is started anew on its data, and with it what runs beside it. A
/// volume is never removed here, fresh or not.
#[must_use]
pub fn up(desired: &Desired, observed: &Observed, fresh: bool) -> Vec<Step> {
    let renew = fresh || observed.is_half_made(desired);
    let removals = if renew { down(observed, false) } else { Vec::new() };
    let mut steps: Vec<Step> = removals.into_iter().map(Step::Remove).collect();
    let cluster = match desired.storage {
        Storage::Throwaway => observed.cluster && !renew,
        Storage::Durable { .. } => observed.volume,
    };
    let restart = !renew && observed.server == Server::Outdated;
    if restart {
        steps.extend(observed.services.then_some(Step::Remove(Removal::StopServices)));
        steps.push(Step::Remove(Removal::StopServer));
    }

    if renew || restart || observed.server == Server::Stopped {
        if !cluster {
            steps.push(Step::MakeCluster {
                storage: desired.storage.clone(),
                databases: desired.databases.clone(),
            });
        }
        steps.push(Step::StartServer { service: desired.service.clone(), port: desired.port });
        // Before anything is touched: what cannot be had leaves all as it is.
        let missing = desired.missing.iter().map(|what| Step::Fetch { what: what.clone() });
        steps.splice(0..0, missing);
    }
    // What is thrown away was migrated when it was made, and has had its data on that since.
    let is_new = !cluster && (renew || observed.server == Server::Stopped);
    let is_behind = (renew || !observed.migrated) && desired.storage != Storage::Throwaway;
    if let Some(what) = &desired.migrate
        && (is_new || is_behind)
    {
        steps.push(Step::Migrate { what: what.clone() });
    }
    if let Some(source) = &desired.fill
        && (renew || observed.filling == Filling::NotYet)
    {
        steps.push(Step::Fill { source: source.clone() });
    }
    steps
}

/// The steps after which nothing of the environment is left, but for its volumes unless `volumes` says so.
#[must_use]
pub fn down(observed: &Observed, volumes: bool) -> Vec<Removal> {
    let mut steps = Vec::new();
    if observed.services {
        steps.push(Removal::StopServices);
    }
    match observed.server {
        Server::Running | Server::Outdated | Server::Unrecorded => steps.push(Removal::StopServer),
        Server::Stopped => {}
    }
    if observed.files {
        steps.push(Removal::Files);
    }
    if volumes && observed.volume {
        steps.push(Removal::Volumes);
    }
    steps
}
