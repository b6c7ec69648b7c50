//! Going on with another stack: what differs is touched, and nothing else.

use super::ids::ServiceId;
use super::outbox::Outbox;
use super::phase::{Health, Phase};
use super::replica::Replica;
use super::service::{Goal, Rollout, Service};
use super::spec::Readiness;
use super::stack::StackSpec;
use super::supervision::Supervision;
use super::terms::Terms;

impl Supervision {
    pub(super) fn adopt(&mut self, stack: StackSpec) {
        let before = std::mem::replace(&mut self.stack, stack);
        let mut replaced = Vec::new();
        for id in (0..self.stack.len()).map(ServiceId) {
            let spec = self.stack.service(id);
            let (terms, release, replicas) = (Terms::of(spec), spec.release, spec.replicas);
            let Some(service) = self.services.get_mut(id.0) else {
                self.services.push(Service::new(id, spec));
                continue;
            };
            if self.stack.node(id).retired {
                service.goal = Goal::Down;
                service.aborted = None;
                service.dismiss();
                continue;
            }
            service.wanted = replicas;
            let is_back = before.node(id).retired;
            if release == service.release && !is_back {
                service.amend(terms, &mut self.out);
            } else if service.goal == Goal::Down {
                (service.release, service.terms) = (release, terms);
            } else {
                self.begin_rollout(id, release, terms);
                replaced.push(id);
            }
        }
        for id in replaced.clone() {
            for follower in self.followers(id) {
                if !replaced.contains(&follower) {
                    let Service { release, terms, .. } = self.services[follower.0];
                    self.begin_rollout(follower, release, terms);
                    replaced.push(follower);
                }
            }
        }
    }
}

impl Service {
    /// Asks something else of the processes of its release.
    fn amend(&mut self, terms: Terms, out: &mut Outbox) {
        // Whether it is behind the gateway is part of what a release is made of.
        let terms = Terms { gateway: self.terms.gateway, ..terms };
        let release = self.release;
        self.terms = terms;
        if let Some(Rollout { previous }) = &mut self.rollout
            && previous.0 == release
        {
            previous.1 = terms;
        }
        for replica in self.replicas.iter_mut().filter(|replica| replica.release == release) {
            replica.amend(terms, out);
        }
    }
}

impl Replica {
    /// One that is ready stays so, and keeps its requests, until it is found wanting by what it is judged by now.
    fn amend(&mut self, terms: Terms, out: &mut Outbox) {
        let before = self.terms.readiness;
        self.terms = terms;
        if self.is_leaving() {
            self.terms.readiness = before;
        }
        if self.terms.readiness == before {
            return;
        }
        self.present.on_trial = false;
        let Phase::Running { health, .. } = &mut self.phase else { return };
        match (terms.readiness, &health) {
            (Readiness::Check(_), health) => {
                self.present.on_trial = matches!(health, Health::Healthy);
                self.await_readiness(out);
            }
            (Readiness::Running { .. } | Readiness::Listening { .. }, Health::Healthy) => self.stop_waiting(),
            (
                Readiness::Running { .. } | Readiness::Listening { .. },
                Health::Starting | Health::Unhealthy(_),
            ) => {
                *health = Health::Starting;
                self.await_readiness(out);
                if self.present.listens {
                    self.on_listening(out);
                }
            }
        }
    }
}
