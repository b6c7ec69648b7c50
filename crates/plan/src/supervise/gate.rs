//! Whether a service may start, given those that it depends on.

use super::ids::ServiceId;
use super::phase::{Health, Phase};
use super::reason::Reason;
use super::replica::Replica;
use super::service::{Goal, Service};
use super::supervision::Supervision;
use crate::words::Condition;

/// Whether a service may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Not yet.
    Closed,
    /// Not as things are.
    Blocked(Reason),
}

impl Supervision {
    pub(super) fn gate(&self, service: ServiceId) -> Gate {
        let mut gate = Gate::Open;
        for need in &self.stack.node(service).needs {
            match state(&self.services[need.on.0], need.condition) {
                Gate::Open => {}
                Gate::Closed => gate = Gate::Closed,
                Gate::Blocked(_) if !need.required => {}
                Gate::Blocked(reason) => return Gate::Blocked(self.root(need.on, reason)),
            }
        }
        gate
    }

    /// Names where the trouble began.
    fn root(&self, service: ServiceId, reason: Reason) -> Reason {
        if let Reason::Dependency { .. } = reason {
            return reason;
        }
        Reason::Dependency { service: self.stack.service(service).name.clone(), reason: Box::new(reason) }
    }
}

/// Whether a condition is true of a service: of all replicas that it is meant to have, in a rollout the old ones.
fn state(service: &Service, condition: Condition) -> Gate {
    match service.goal {
        Goal::Down => return Gate::Blocked(Reason::Stopped),
        Goal::Up if service.wanted == 0 => return Gate::Open,
        Goal::Up => {}
    }
    let mut met = 0;
    let mut gate = Gate::Open;
    for replica in service.members() {
        match state_of_one(replica, condition) {
            Gate::Open => met += 1,
            Gate::Closed => gate = Gate::Closed,
            Gate::Blocked(reason) => return Gate::Blocked(reason),
        }
    }
    if met < service.wanted { Gate::Closed } else { gate }
}

fn state_of_one(replica: &Replica, condition: Condition) -> Gate {
    if let Phase::Blocked(reason) = &replica.phase {
        return Gate::Blocked(reason.clone());
    }
    match condition {
        Condition::Started => match &replica.phase {
            Phase::Failed(reason @ Reason::NotSpawned { .. }) => Gate::Blocked(reason.clone()),
            Phase::Spawning if replica.restarts.count() == 0 => Gate::Closed,
            Phase::Waiting | Phase::Blocked(_) => Gate::Closed,
            Phase::Spawning
            | Phase::Running { .. }
            | Phase::BackingOff { .. }
            | Phase::Draining
            | Phase::Stopping
            | Phase::Killing
            | Phase::Completed
            | Phase::Failed(_) => Gate::Open,
        },
        Condition::Healthy => match &replica.phase {
            Phase::Failed(reason) => Gate::Blocked(reason.clone()),
            Phase::Running { health: Health::Healthy, .. } | Phase::Completed => Gate::Open,
            Phase::Running { health: Health::Starting | Health::Unhealthy(_), .. }
            | Phase::Waiting
            | Phase::Blocked(_)
            | Phase::Spawning
            | Phase::BackingOff { .. }
            | Phase::Draining
            | Phase::Stopping
            | Phase::Killing => Gate::Closed,
        },
        Condition::CompletedSuccessfully => match &replica.phase {
            Phase::Failed(reason) => Gate::Blocked(reason.clone()),
            Phase::Completed => Gate::Open,
            Phase::Waiting
            | Phase::Blocked(_)
            | Phase::Spawning
            | Phase::Running { .. }
            | Phase::BackingOff { .. }
            | Phase::Draining
            | Phase::Stopping
            | Phase::Killing => Gate::Closed,
        },
    }
}
