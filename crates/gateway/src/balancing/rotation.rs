//! The replicas of an endpoint, and which of them is given the next request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::balancing::balance::{Candidate, choose};
use crate::balancing::in_flight::InFlight;
use crate::balancing::replica::{Replica, ReplicaId, ReplicaStatus};
use crate::balancing::state::{Action, Event, ReplicaState, next};

/// The replicas of one endpoint.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// Threads that serve connections.
    workers: usize,
    inner: Mutex<Inner>,
    /// Rings when a replica became ready.
    ready: Notify,
    epochs: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    members: Vec<Member>,
    cursor: usize,
}

#[derive(Debug)]
struct Member {
    replica: Arc<Replica>,
    state: ReplicaState,
}

impl Rotation {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers, inner: Mutex::default(), ready: Notify::new(), epochs: AtomicU64::new(0) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a ready replica; false if there is one of that name.
    pub(crate) fn add(&self, id: ReplicaId, addr: SocketAddr) -> bool {
        let mut inner = self.inner();
        if inner.members.iter().any(|member| member.replica.id == id) {
            return false;
        }
        inner.members.push(Member {
            replica: Arc::new(Replica::new(id, addr, self.workers)),
            state: ReplicaState::Ready,
        });
        drop(inner);
        self.ready.notify_waiters();
        true
    }

    /// The replica of that name.
    pub(crate) fn find(&self, id: &ReplicaId) -> Option<Arc<Replica>> {
        self.inner()
            .members
            .iter()
            .find(|member| &member.replica.id == id)
            .map(|member| Arc::clone(&member.replica))
    }

    /// Forgets a replica.
    pub(crate) fn remove(&self, replica: &Arc<Replica>) {
        self.inner().members.retain(|member| !Arc::ptr_eq(&member.replica, replica));
        replica.pool.close();
        replica.leaving.set();
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        let members = std::mem::take(&mut self.inner().members);
        for member in members {
            member.replica.pool.close();
        }
    }

    /// Tells what happened to a replica. What is returned is to be carried out.
    pub(crate) fn on(&self, replica: &Arc<Replica>, event: Event) -> Action {
        let mut inner = self.inner();
        let Some(member) = inner.members.iter_mut().find(|member| Arc::ptr_eq(&member.replica, replica))
        else {
            return Action::Nothing;
        };
        let (state, action) = next(member.state, event, self.epochs.fetch_add(1, Ordering::Relaxed));
        member.state = state;
        drop(inner);
        if action == Action::Announce {
            self.ready.notify_waiters();
        }
        action
    }

    /// Whether a replica is still out of reach since this epoch.
    pub(crate) fn is_lost(&self, replica: &Arc<Replica>, epoch: u64) -> bool {
        self.inner().members.iter().any(|member| {
            Arc::ptr_eq(&member.replica, replica) && member.state == ReplicaState::Unreachable { epoch }
        })
    }

    /// A replica to work on a request, chosen now. Those in `tried` come last.
    fn pick(&self, tried: &[Arc<Replica>]) -> Option<InFlight> {
        let mut inner = self.inner();
        let ready =
            inner.members.iter().enumerate().filter(|(_, member)| member.state == ReplicaState::Ready);
        let candidates = ready.map(|(index, member)| Candidate {
            index,
            in_flight: member.replica.in_flight.get(),
            tried: tried.iter().any(|one| Arc::ptr_eq(one, &member.replica)),
        });
        let index = choose(candidates, inner.cursor)?;
        inner.cursor = (index + 1) % inner.members.len();
        Some(InFlight::begin(Arc::clone(&inner.members[index].replica)))
    }

    /// Makes a replica busy that was chosen before; nothing if it is not to be given anything now.
    pub(crate) fn claim(&self, replica: &Arc<Replica>) -> Option<InFlight> {
        let inner = self.inner();
        let mut members = inner.members.iter();
        let member = members.find(|member| Arc::ptr_eq(&member.replica, replica))?;
        (member.state == ReplicaState::Ready).then(|| InFlight::begin(Arc::clone(replica)))
    }

    /// A replica to work on a request. When none is ready, it is waited for until `deadline`.
    pub(crate) async fn acquire(&self, tried: &[Arc<Replica>], deadline: Instant) -> Option<InFlight> {
        if let Some(picked) = self.pick(tried) {
            return Some(picked);
        }
        loop {
            let mut ready = std::pin::pin!(self.ready.notified());
            // Registered before the look: the bell cannot ring unheard in between.
            ready.as_mut().enable();
            if let Some(picked) = self.pick(tried) {
                return Some(picked);
            }
            if timeout_at(deadline, ready).await.is_err() {
                return self.pick(tried);
            }
        }
    }

    /// What every replica is doing.
    pub(crate) fn status(&self) -> Vec<ReplicaStatus> {
        self.inner()
            .members
            .iter()
            .map(|member| ReplicaStatus {
                id: member.replica.id.clone(),
                addr: member.replica.addr,
                in_flight: member.replica.in_flight.get(),
                state: member.state,
            })
            .collect()
    }

    /// Closes connections that rest for too long. Returns how many still rest.
    pub(crate) fn sweep(&self) -> usize {
        let replicas: Vec<_> =
            self.inner().members.iter().map(|member| Arc::clone(&member.replica)).collect();
        replicas.iter().map(|replica| replica.pool.sweep()).sum()
    }
}
