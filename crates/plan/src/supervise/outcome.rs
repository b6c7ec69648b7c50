//! What somebody who waits is to be told.

use super::ids::ServiceId;
use super::reason::Reason;
use super::replica::Replica;
use super::service::{Goal, Service};
use super::supervision::Supervision;

/// How a stack does, in one word. None of them is for ever: what failed may heal, what is ready may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is on its way.
    Pending,
    /// Every replica that is wanted is ready or did its work, and none is on its way out.
    Ready,
    /// A service fails, the first in the order of their starts. Time alone will not mend it, or did not; or it has never
    /// been ready and died, and though its policy has it tried again, nobody should have to wait for that.
    Failed {
        /// The service.
        service: ServiceId,
        /// Its trouble.
        reason: Reason,
    },
    /// Nothing is wanted, and nothing is there.
    Stopped,
}

impl Supervision {
    /// How the stack does now.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let mut ready = true;
        let mut stopped = true;
        for id in self.stack.places() {
            let service = &self.services[id.0];
            if let Some(reason) = trouble(service) {
                return Outcome::Failed { service: id, reason };
            }
            stopped &= service.goal == Goal::Down && service.replicas.is_empty();
            ready &= is_ready(service);
        }
        match (stopped, ready) {
            (true, _) => Outcome::Stopped,
            (false, true) => Outcome::Ready,
            (false, false) => Outcome::Pending,
        }
    }
}

pub(super) fn trouble(service: &Service) -> Option<Reason> {
    // In a rollout, old ones may be in any state: they are replaced.
    if service.goal == Goal::Down || service.rollout.is_some() {
        return None;
    }
    service.members().find_map(Replica::trouble).or_else(|| service.aborted.clone())
}

pub(super) fn is_ready(service: &Service) -> bool {
    is_serving(service) && service.replicas.iter().all(Replica::is_member)
}

/// Like [`is_ready`], but those on their way out may be ending still: nothing waits for them.
pub(super) fn is_serving(service: &Service) -> bool {
    let wanted = match service.goal {
        Goal::Up => service.wanted as usize,
        Goal::Down => 0,
    };
    let (members, others): (Vec<_>, Vec<_>) =
        service.replicas.iter().partition(|replica| replica.is_member());
    service.rollout.is_none()
        && members.len() == wanted
        && members.into_iter().all(Replica::is_ready_and_well)
        && others.into_iter().all(Replica::is_ending)
}
