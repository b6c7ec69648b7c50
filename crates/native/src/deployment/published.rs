//! At which ports of this machine services are reached.

use backlot_stack::Cast;
use backlot_supervisor::{PortRun, Runbook};

/// The ports at which those services of `cast` are published that are beside the database.
pub(super) fn published(runbook: &Runbook, cast: &Cast) -> Vec<(String, u16)> {
    let beside = runbook
        .services
        .iter()
        .filter(|service| cast.services.contains(&service.name) && service.database_port().is_none());
    let ports = beside.flat_map(|service| {
        let ports = service.process().ports.iter().flat_map(PortRun::published_at);
        ports.map(|address| (service.name.clone(), address.port()))
    });
    ports.collect()
}
