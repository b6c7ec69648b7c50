//! What follows from where a replica listens.

use backlot_plan::supervise::{Event, Health, Phase, ReplicaId, ReplicaStatus, Standing};

use crate::driver::Driver;
use crate::driver::launch::Process;
use crate::runbook::ServiceKind;

impl Driver {
    /// A replica listens, or does so elsewhere than before.
    pub(super) fn heard_of_listening(&mut self, replica: ReplicaId) {
        self.silent.remove(&replica.service);
        let is_served = self.processes.get(&replica).is_some_and(|process| process.in_gateway);
        let is_well = self.status_of(replica.service).is_some_and(|status| {
            let mut replicas = status.replicas();
            let well = |phase: &Phase| matches!(phase, Phase::Running { health: Health::Healthy, .. });
            replicas.any(|status| status.replica == replica && well(status.phase))
        });
        if is_well {
            if is_served {
                let (service, id) = (self.service_name(replica), self.gateway_id(replica));
                self.endpoints.add(&service, &id, &self.backends(replica));
            }
            self.announce(replica);
        }
        self.tell(Event::Listening(replica));
    }

    /// Whether a replica counts as ready only when it listens: it is nginx, or takes the place of one that serves.
    pub(super) fn has_to_listen(&self, replica: ReplicaId) -> bool {
        let is_front = self.run_of(replica).is_some_and(|run| matches!(run.kind, ServiceKind::Front(_)));
        let serves = |status: &ReplicaStatus<'_>| {
            let process = self.processes.get(&status.replica);
            status.standing == Standing::Outdated && process.is_some_and(Process::listens)
        };
        is_front
            || self.status_of(replica.service).is_some_and(|status| {
                let is_new = |other: ReplicaStatus<'_>| {
                    other.replica == replica && other.standing == Standing::Candidate
                };
                status.replicas().any(is_new) && status.replicas().any(|other| serves(&other))
            })
    }
}
