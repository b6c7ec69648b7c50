//! What is there, for those who look.

use super::ids::{Release, ReplicaId, ServiceId};
use super::phase::{Phase, Standing};
use super::reason::Reason;
use super::replica::Replica;
use super::service::{Goal, Service};
use super::supervision::Supervision;

/// A service as it is.
#[derive(Debug, Clone, Copy)]
pub struct ServiceStatus<'a> {
    service: &'a Service,
}

/// A replica as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus<'a> {
    /// Which one.
    pub replica: ReplicaId,
    /// What it is made of.
    pub release: Release,
    /// What it is to its service.
    pub standing: Standing,
    /// Where it is in its life.
    pub phase: &'a Phase,
    /// How often it was started again by its policy.
    pub restarts: u32,
}

impl Supervision {
    /// All services, each after those that it depends on; those included that are not part of the stack any more and
    /// have not gone yet.
    pub fn status(&self) -> impl Iterator<Item = ServiceStatus<'_>> {
        let is_there =
            |id: &ServiceId| !self.stack.node(*id).retired || !self.services[id.0].replicas.is_empty();
        self.stack.places().filter(is_there).map(|id| ServiceStatus { service: &self.services[id.0] })
    }
}

impl<'a> ServiceStatus<'a> {
    /// Which one.
    #[must_use]
    pub fn service(&self) -> ServiceId {
        self.service.id
    }

    /// How many replicas are wanted; none of a stopped service.
    #[must_use]
    pub fn wanted(&self) -> u32 {
        match self.service.goal {
            Goal::Up => self.service.wanted,
            Goal::Down => 0,
        }
    }

    /// What its next replica is made of.
    #[must_use]
    pub fn release(&self) -> Release {
        self.service.release
    }

    /// All that its replicas are made of, or may be.
    #[must_use]
    pub fn releases(&self) -> Vec<Release> {
        let replicas = self.service.replicas.iter().map(|replica| replica.release);
        replicas.chain([self.service.release, self.service.standing_release().0]).collect()
    }

    /// Whether a rollout runs or waits for its turn.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        self.service.rollout.is_some()
    }

    /// What is wrong with it, if it is more than that time has to pass; a rollout that was given up included.
    #[must_use]
    pub fn trouble(&self) -> Option<Reason> {
        super::outcome::trouble(self.service)
    }

    /// Whether every replica that is wanted is ready or did its work, and none is on its way out.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        super::outcome::is_ready(self.service)
    }

    /// Whether every replica that is wanted is ready or did its work, and all others are out of service: they have no
    /// requests left, and what there is of them are processes that were asked to end.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        super::outcome::is_serving(self.service)
    }

    /// Its replicas by number, those included that leave.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaStatus<'a>> + use<'a> {
        self.service.replicas.iter().map(Replica::status)
    }
}

impl Replica {
    fn status(&self) -> ReplicaStatus<'_> {
        ReplicaStatus {
            replica: self.id,
            release: self.release,
            standing: self.standing,
            phase: &self.phase,
            restarts: self.restarts.count(),
        }
    }
}
