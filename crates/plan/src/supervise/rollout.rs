//! Replacing a service's replicas one after another.
//!
//! A new one starts while at most the number asked for is in service, and is ready before an old one leaves; the next one
//! starts when that has no requests left, while its process ends. So there is never more than one too many in service, and
//! never one too few. Nor do those pile up that take long to end: there are never more of them than asked for.

use super::action::Report;
use super::ids::{Release, ReplicaId, ServiceId};
use super::phase::{Phase, Standing};
use super::reason::Reason;
use super::replica::Replica;
use super::service::{Goal, Rollout, Service};
use super::supervision::Supervision;
use super::terms::Terms;

impl Supervision {
    /// Begins a rollout, or begins it again with what is newest.
    pub(super) fn begin_rollout(&mut self, service: ServiceId, release: Release, terms: Terms) {
        let service = &mut self.services[service.0];
        service.rollout = Some(Rollout { previous: service.standing_release() });
        (service.release, service.terms) = (release, terms);
        service.aborted = None;
        for replica in &mut service.replicas {
            match replica.standing {
                Standing::Current => replica.standing = Standing::Outdated,
                Standing::Candidate => replica.standing = Standing::Leaving,
                Standing::Outdated | Standing::Leaving | Standing::Doomed => {}
            }
        }
    }

    /// Takes a rollout's next step, if there is one to take.
    pub(super) fn roll(&mut self, id: ServiceId) -> bool {
        let node = self.stack.node(id);
        let needed_ones_roll = node.needs.iter().any(|need| self.services[need.on.0].rollout.is_some());
        let service = &mut self.services[id.0];
        if service.rollout.is_none() || needed_ones_roll {
            return false;
        }
        if !node.starts_first() || has_ended(service) {
            service.rollout = None;
            // A new one is there already if the service may run twice no longer.
            let is_in_the_way =
                |replica: &&mut Replica| matches!(replica.standing, Standing::Outdated | Standing::Candidate);
            let all = service.replicas.iter_mut().filter(is_in_the_way);
            all.for_each(|replica| replica.standing = Standing::Leaving);
            return true;
        }
        if let Some((replica, reason)) = trouble(service) {
            self.abort(id, replica, reason);
            return true;
        }
        if let Some(candidate) = service.candidate() {
            if !candidate.phase.is_ready() {
                return false;
            }
            candidate.standing = Standing::Current;
            if let Some(old) = service.next_outdated() {
                old.standing = Standing::Leaving;
            }
            return true;
        }
        if service.next_outdated().is_none() {
            service.rollout = None;
            self.out.report(Report::RolloutDone(id));
            return true;
        }
        let wanted = service.wanted as usize;
        let ending = service.replicas.iter().filter(|replica| replica.is_ending()).count();
        let may_start = service.replicas.len() - ending <= wanted && ending < wanted.max(1);
        if may_start {
            service.add(Standing::Candidate);
        }
        may_start
    }

    /// Gives a rollout up, and those that would have followed it.
    fn abort(&mut self, id: ServiceId, replica: ReplicaId, reason: Reason) {
        let reason = Reason::RolloutAborted { replica: self.label(replica), reason: Box::new(reason) };
        give_up(&mut self.services[id.0], reason.clone());
        self.out.report(Report::RolloutAborted { service: id, reason: reason.clone() });
        for at in 0..self.stack.node(id).restarts.len() {
            let follower = self.stack.node(id).restarts[at];
            let service = &mut self.services[follower.0];
            if service.rollout.is_some() {
                let name = self.stack.service(id).name.clone();
                let reason = Reason::Dependency { service: name, reason: Box::new(reason.clone()) };
                give_up(service, reason.clone());
                self.out.report(Report::RolloutAborted { service: follower, reason });
            }
        }
    }

    /// Forgets how earlier rollouts ended.
    pub(super) fn forget_abort(&mut self, service: ServiceId) {
        self.services[service.0].aborted = None;
    }
}

fn give_up(service: &mut Service, reason: Reason) {
    if let Some(rollout) = service.rollout.take() {
        (service.release, service.terms) = rollout.previous;
    }
    service.aborted = Some(reason);
    for replica in &mut service.replicas {
        match replica.standing {
            Standing::Outdated => replica.standing = Standing::Current,
            Standing::Candidate => replica.standing = Standing::Leaving,
            Standing::Current | Standing::Leaving | Standing::Doomed => {}
        }
    }
}

/// Whether all its replicas have ended and stay so: then the new one takes nobody's place, and may do its work and end as well.
fn has_ended(service: &Service) -> bool {
    let mut replicas = service.replicas.iter();
    replicas.len() > 0 && replicas.all(|replica| matches!(replica.phase, Phase::Completed | Phase::Failed(_)))
}

/// What is wrong with one of the new ones. Those that are ready and fail later end a rollout, too: it must not go on to
/// replace what works by what does not.
fn trouble(service: &Service) -> Option<(ReplicaId, Reason)> {
    debug_assert!(service.goal == Goal::Up, "a stopped service has no rollout");
    service.replicas.iter().find_map(|replica| match (replica.standing, &replica.phase) {
        (Standing::Current, Phase::BackingOff { reason, .. }) => Some((replica.id, reason.clone())),
        (Standing::Current | Standing::Candidate, _) => replica.trouble().map(|reason| (replica.id, reason)),
        (Standing::Outdated | Standing::Leaving | Standing::Doomed, _) => None,
    })
}
