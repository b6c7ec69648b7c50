//! The handle to an endpoint.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::balancing::replica::{Replica, ReplicaId, ReplicaStatus};
use crate::balancing::rotation::Rotation;
use crate::balancing::state::{Action, Event};
use crate::config::EndpointConfig;
use crate::error::GatewayError;
use crate::habits::Habits;
use crate::latch::Latch;
use crate::serving::accept::{Door, Stopped};
use crate::serving::doors::Doors;
use crate::shared::Shared;
use crate::workers::Workers;

/// A listener and the replicas behind it. Cheap to clone; when the last handle is dropped, the endpoint closes at once.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    stop: watch::Sender<Option<Instant>>,
    stopped: watch::Receiver<Option<Stopped>>,
    /// They end with the last endpoint that they serve.
    _workers: Arc<Workers>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// What the replica had not finished at the limit; 0 means that it can be stopped without anybody noticing.
    pub in_flight: usize,
    /// How long it took.
    pub took: Duration,
}

impl Endpoint {
    pub(crate) fn open(config: EndpointConfig, workers: Arc<Workers>) -> Result<Self, GatewayError> {
        let EndpointConfig { name, listen, kind, limits, trust, peers, access_log } = config;
        let unusable = |source| GatewayError::Listener { endpoint: name.clone(), source };
        listen.set_nonblocking(true).map_err(unusable)?;
        let local = listen.local_addr().map_err(unusable)?;
        let (doors, handed) = Doors::new(workers.count(), limits.max_connections);
        let mut listeners = Vec::new();
        for worker in 0..workers.count() {
            let _inside = workers.handle(worker).enter();
            let own = listen.try_clone().map_err(unusable)?;
            listeners.push(TcpListener::from_std(own).map_err(unusable)?);
        }
        drop(listen);
        let shared = Arc::new(Shared {
            name,
            kind,
            local,
            default_host: local.to_string(),
            limits,
            trust,
            peers,
            log: access_log,
            rotation: Rotation::new(workers.count()),
            closing: Latch::default(),
            habits: Habits::default(),
            sweeping: AtomicBool::new(false),
        });
        let (stop, stop_heard) = watch::channel(None);
        let (stopped_said, stopped) = watch::channel(None);
        for (worker, (listener, handed)) in listeners.into_iter().zip(handed).enumerate() {
            let (shared, doors) = (Arc::clone(&shared), Arc::clone(&doors));
            let door = Door { shared, worker, listener, doors, handed };
            workers.handle(worker).spawn(door.run(stop_heard.clone(), stopped_said.clone()));
        }
        Ok(Self(Arc::new(Inner { shared, stop, stopped, _workers: workers })))
    }

    /// The endpoint's name.
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.shared.local
    }

    /// Adds a replica that is ready for work; requests that wait for one are given to it at once.
    pub fn add(&self, id: impl Into<ReplicaId>, addr: SocketAddr) -> Result<(), GatewayError> {
        let id = id.into();
        let endpoint = || self.name().to_owned();
        if self.0.stop.borrow().is_some() {
            return Err(GatewayError::Closed { endpoint: endpoint() });
        }
        if self.0.shared.rotation.add(id.clone(), addr) {
            Ok(())
        } else {
            Err(GatewayError::DuplicateReplica { endpoint: endpoint(), replica: id })
        }
    }

    fn find(&self, id: &ReplicaId) -> Result<Arc<Replica>, GatewayError> {
        self.0.shared.rotation.find(id).ok_or_else(|| GatewayError::UnknownReplica {
            endpoint: self.name().to_owned(),
            replica: id.clone(),
        })
    }

    /// Gives a replica nothing more, from this very call on. The future resolves when it has finished what it has and
    /// no connection to it is open, or when `limit` has passed; the replica is then gone from the endpoint. What is in
    /// flight at the limit is left to the replica to finish or to break.
    pub fn drain(
        &self,
        id: &ReplicaId,
        limit: Duration,
    ) -> Result<impl Future<Output = Drained> + Send + use<>, GatewayError> {
        let replica = self.find(id)?;
        let begun = Instant::now();
        let _: Action = self.0.shared.rotation.on(&replica, Event::Drain);
        replica.pool.close();
        replica.leaving.set();
        let shared = Arc::clone(&self.0.shared);
        Ok(async move {
            let in_flight = replica.in_flight.none(begun + limit).await;
            shared.rotation.remove(&replica);
            Drained { in_flight, took: begun.elapsed() }
        })
    }

    /// Takes a replica out at once and cuts every connection to it: its process is gone. Requests that may be repeated
    /// go to the others.
    pub fn remove(&self, id: &ReplicaId) -> Result<(), GatewayError> {
        let replica = self.find(id)?;
        self.0.shared.rotation.remove(&replica);
        replica.sockets.cut();
        Ok(())
    }

    /// Says whether a replica is healthy. One that is not gets nothing more but finishes what it has. A replica that
    /// refuses a connection is found out without being told, and found again.
    pub fn set_health(&self, id: &ReplicaId, healthy: bool) -> Result<(), GatewayError> {
        let replica = self.find(id)?;
        // Requests that wait are told by the rotation.
        let _: Action = self.0.shared.rotation.on(&replica, Event::Health(healthy));
        Ok(())
    }

    /// What every replica is doing, in the order in which they were added.
    pub fn replicas(&self) -> Vec<ReplicaStatus> {
        self.0.shared.rotation.status()
    }

    /// Accepts no more clients, lets those that are there finish, and cuts what is left after `grace`.
    pub async fn shutdown(&self, grace: Duration) -> Stopped {
        self.0.stop.send_if_modified(|deadline| {
            let first = deadline.is_none();
            deadline.get_or_insert(Instant::now() + grace);
            first
        });
        let mut stopped = self.0.stopped.clone();
        // It fails only if the runtime is gone, and with it all connections.
        stopped
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|stopped| *stopped)
            .unwrap_or(Stopped { cut: 0 })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoint")
            .field("name", &self.name())
            .field("listens", &self.local_addr())
            .field("replicas", &self.replicas())
            .finish_non_exhaustive()
    }
}
