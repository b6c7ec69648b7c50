//! What follows from the present state, whatever led to it.

use super::action::Report;
use super::gate::Gate;
use super::ids::ServiceId;
use super::phase::{Phase, Standing};
use super::service::Goal;
use super::supervision::Supervision;

impl Supervision {
    /// Goes on until nothing more follows. Every step brings a replica further in its life or a rollout to its end, so
    /// this ends. Nothing is started while it is not certain yet that what it depends on stays.
    pub(super) fn settle(&mut self) {
        let mut changed = true;
        while changed {
            while self.for_each(Self::decide) {}
            changed = self.for_each(Self::start);
        }
    }

    fn for_each(&mut self, step: fn(&mut Self, ServiceId) -> bool) -> bool {
        (0..self.stack.len()).fold(false, |changed, at| step(self, self.stack.nth(at)) | changed)
    }

    /// Who is to be there, and who is to go.
    fn decide(&mut self, service: ServiceId) -> bool {
        self.roll(service) | self.shrink(service) | self.grow(service) | self.stop(service)
    }

    /// Picks those that are too many.
    fn shrink(&mut self, id: ServiceId) -> bool {
        let service = &mut self.services[id.0];
        let too_many = service.members().count().saturating_sub(service.wanted as usize);
        for _ in 0..too_many {
            if let Some(replica) = service.least_useful() {
                replica.standing = Standing::Leaving;
            }
        }
        too_many > 0
    }

    /// Adds those that are missing. In a rollout it is not known yet what they are to be made of.
    fn grow(&mut self, id: ServiceId) -> bool {
        let service = &mut self.services[id.0];
        let mut changed = false;
        while service.goal == Goal::Up && service.rollout.is_none() && service.has_room() {
            service.add(Standing::Current);
            changed = true;
        }
        changed
    }

    /// Starts those whose dependencies allow it. Those that wait and are to go have gone by now.
    fn start(&mut self, id: ServiceId) -> bool {
        let waits = |phase: &Phase| matches!(phase, Phase::Waiting | Phase::Blocked(_));
        if !self.services[id.0].replicas.iter().any(|replica| waits(&replica.phase)) {
            return false;
        }
        let gate = self.gate(id);
        let mut changed = false;
        for replica in &mut self.services[id.0].replicas {
            if !waits(&replica.phase) {
                continue;
            }
            let phase = match &gate {
                // One that waits for its replacement need not start before it.
                Gate::Open if replica.standing == Standing::Outdated => Phase::Waiting,
                Gate::Open => {
                    replica.spawn(&mut self.out);
                    changed = true;
                    continue;
                }
                Gate::Closed => Phase::Waiting,
                Gate::Blocked(reason) => Phase::Blocked(reason.clone()),
            };
            if phase != replica.phase {
                if let Phase::Blocked(reason) = &phase {
                    self.out.report(Report::Blocked { replica: replica.id, reason: reason.clone() });
                }
                replica.enter(phase);
                changed = true;
            }
        }
        changed
    }

    /// Takes those further that are to go: in order, each after all that depend on it and are to go as well.
    fn stop(&mut self, id: ServiceId) -> bool {
        let node = self.stack.node(id);
        let is_needed = node.above.iter().any(|above| {
            self.services[above.0].replicas.iter().any(|replica| replica.standing == Standing::Leaving)
        });
        let out = &mut self.out;
        let replicas = &mut self.services[id.0].replicas;
        let mut changed = false;
        for replica in replicas.iter_mut() {
            changed |= match replica.standing {
                Standing::Leaving if !is_needed => replica.begin_to_leave(out),
                Standing::Doomed => replica.be_killed(out),
                Standing::Leaving | Standing::Current | Standing::Outdated | Standing::Candidate => false,
            };
        }
        replicas.retain(|replica| {
            let gone = replica.is_leaving() && !replica.phase.has_process();
            if gone {
                out.report(Report::Gone(replica.id));
            }
            changed |= gone;
            !gone
        });
        changed
    }
}
