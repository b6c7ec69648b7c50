//! All endpoints of an environment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::config::EndpointConfig;
use crate::endpoint::Endpoint;
use crate::error::GatewayError;
use crate::serving::accept::Stopped;
use crate::workers::Workers;

/// The endpoints, by name. Cheap to clone; they run on the runtime that was given.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    workers: Arc<Workers>,
    endpoints: Mutex<BTreeMap<String, Endpoint>>,
}

impl Gateway {
    /// A gateway without endpoints, of which everything runs on the given runtime. That needs its I/O and time drivers.
    pub fn new(runtime: Handle) -> Self {
        let workers = Arc::new(Workers::on(runtime.clone()));
        Self(Arc::new(Inner { runtime, workers, endpoints: Mutex::default() }))
    }

    /// The same, but connections are served by so many threads of the gateway's own (at least one), which is faster than
    /// a runtime of several threads. They end with the gateway and its endpoints.
    pub fn with_threads(runtime: Handle, threads: usize) -> Result<Self, GatewayError> {
        let workers = Workers::start(threads).map_err(|source| GatewayError::Threads { threads, source })?;
        Ok(Self(Arc::new(Inner { runtime, workers: Arc::new(workers), endpoints: Mutex::default() })))
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Endpoint>> {
        self.0.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an endpoint. It has no replicas yet: requests wait for one.
    pub fn open(&self, config: EndpointConfig) -> Result<Endpoint, GatewayError> {
        match self.map().entry(config.name.clone()) {
            Entry::Occupied(taken) => Err(GatewayError::DuplicateEndpoint { endpoint: taken.key().clone() }),
            Entry::Vacant(free) => {
                Ok(free.insert(Endpoint::open(config, Arc::clone(&self.0.workers))?).clone())
            }
        }
    }

    /// The endpoint of that name.
    pub fn endpoint(&self, name: &str) -> Option<Endpoint> {
        self.map().get(name).cloned()
    }

    /// All endpoints, by name.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.map().values().cloned().collect()
    }

    /// Closes one endpoint, see [`Endpoint::shutdown`]; nothing if there is none of that name. Its name is free when this
    /// returns, before the future is waited for.
    pub fn close(&self, name: &str, grace: Duration) -> impl Future<Output = Option<Stopped>> + Send + use<> {
        let endpoint = self.map().remove(name);
        async move { Some(endpoint?.shutdown(grace).await) }
    }

    /// Closes all endpoints at the same time. Returns how many connections had to be cut.
    pub async fn shutdown(&self, grace: Duration) -> Stopped {
        let endpoints = std::mem::take(&mut *self.map());
        let mut closing = JoinSet::new();
        for endpoint in endpoints.into_values() {
            closing.spawn_on(async move { endpoint.shutdown(grace).await }, &self.0.runtime);
        }
        let cut = closing.join_all().await.into_iter().map(|stopped| stopped.cut).sum();
        Stopped { cut }
    }
}
