//! One service: its replicas and what was asked of it.

use super::ids::{Release, ReplicaId, ServiceId};
use super::phase::Standing;
use super::reason::Reason;
use super::replica::Replica;
use super::spec::ServiceSpec;
use super::terms::Terms;

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) id: ServiceId,
    pub(super) goal: Goal,
    pub(super) wanted: u32,
    pub(super) release: Release,
    pub(super) terms: Terms,
    pub(super) rollout: Option<Rollout>,
    /// Why the last rollout was given up, until somebody wants something new of the service.
    pub(super) aborted: Option<Reason>,
    /// By number.
    pub(super) replicas: Vec<Replica>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Up,
    Down,
}

/// A rollout that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rollout {
    /// What the service is made of again should it be given up.
    pub(super) previous: (Release, Terms),
}

impl Service {
    pub(super) fn new(id: ServiceId, spec: &ServiceSpec) -> Self {
        Self {
            id,
            goal: Goal::Down,
            wanted: spec.replicas,
            release: spec.release,
            terms: Terms::of(spec),
            rollout: None,
            aborted: None,
            replicas: Vec::new(),
        }
    }

    /// What is known to work: in a rollout, what is replaced.
    pub(super) fn standing_release(&self) -> (Release, Terms) {
        self.rollout.map_or((self.release, self.terms), |rollout| rollout.previous)
    }

    /// The replica whose present process this is.
    pub(super) fn find(&mut self, id: ReplicaId) -> Option<&mut Replica> {
        self.replicas.iter_mut().find(|replica| replica.id == id)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|replica| replica.is_member())
    }

    /// Whether fewer replicas are there than asked for, those counted that have not gone yet.
    pub(super) fn has_room(&self) -> bool {
        self.replicas.len() < self.wanted as usize
    }

    /// Puts a new replica into the lowest free place.
    pub(super) fn add(&mut self, standing: Standing) {
        let number = self
            .replicas
            .iter()
            .zip(1..)
            .find(|(replica, number)| replica.id.number != *number)
            .map_or(self.replicas.len() + 1, |(_, number)| number as usize);
        // There are never more than `u32::MAX` wanted, and one.
        let place = u32::try_from(number).unwrap_or(u32::MAX);
        self.replicas.insert(number - 1, Replica::new(self.id, place, (self.release, self.terms), standing));
    }

    /// The member that is missed least: one that does nothing, then an outdated one, then the newest place.
    pub(super) fn least_useful(&mut self) -> Option<&mut Replica> {
        self.replicas.iter_mut().filter(|replica| replica.is_member()).max_by_key(|replica| {
            (uselessness(replica), replica.standing == Standing::Outdated, replica.id.number)
        })
    }

    /// The outdated member that is replaced next: one that does nothing, then the oldest place.
    pub(super) fn next_outdated(&mut self) -> Option<&mut Replica> {
        self.replicas
            .iter_mut()
            .filter(|replica| replica.standing == Standing::Outdated)
            .min_by_key(|replica| (std::cmp::Reverse(uselessness(replica)), replica.id.number))
    }

    pub(super) fn candidate(&mut self) -> Option<&mut Replica> {
        self.replicas.iter_mut().find(|replica| replica.standing == Standing::Candidate)
    }

    /// Sends all away.
    pub(super) fn dismiss(&mut self) {
        self.rollout = None;
        for replica in &mut self.replicas {
            if !replica.is_leaving() {
                replica.standing = Standing::Leaving;
            }
        }
    }
}

/// 0 for one that is ready, 1 for one that may become so, 2 for one without a process.
fn uselessness(replica: &Replica) -> u8 {
    match (replica.phase.is_ready(), replica.phase.has_process()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}
