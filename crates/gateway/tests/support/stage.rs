//! A gateway with one endpoint, and replicas behind it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backlot_gateway::{Endpoint, EndpointConfig, Gateway, Kind, Limits, ReplicaState};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::support::backend::{Backend, Seen};
use crate::support::client::LONG;

/// One endpoint, its log, and what its replicas see.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) endpoint: Endpoint,
    pub(crate) seen: Arc<Seen>,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) backends: Vec<Backend>,
}

/// A listener on a free port.
pub(crate) fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// Limits that no test reaches by being slow.
pub(crate) fn patient() -> Limits {
    Limits { connect_timeout: LONG, response_timeout: LONG, queue_wait: LONG, ..Limits::default() }
}

impl Stage {
    /// So many replicas, `web.1` and so on.
    pub(crate) async fn new(replicas: usize) -> Self {
        Self::with(replicas, |_| ()).await
    }

    pub(crate) async fn with(replicas: usize, change: impl FnOnce(&mut EndpointConfig)) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let gateway = Gateway::with_threads(Handle::current(), 2).unwrap();
        let mut config = EndpointConfig::new("web:8000", listener(), Kind::Http)
            .limits(patient())
            .access_log(move |line| lines.lock().unwrap().push(line.to_string()));
        change(&mut config);
        let endpoint = gateway.open(config).unwrap();
        let seen = Arc::new(Seen::default());
        let mut backends = Vec::new();
        for number in 1..=replicas {
            let backend = Backend::start(Arc::clone(&seen)).await;
            endpoint.add(format!("web.{number}"), backend.addr).unwrap();
            backends.push(backend);
        }
        Self { gateway, endpoint, seen, log, backends }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.endpoint.replicas().iter().map(|replica| replica.in_flight).sum()
    }

    pub(crate) fn state(&self, id: &str) -> Option<ReplicaState> {
        let replicas = self.endpoint.replicas();
        replicas.iter().find(|replica| replica.id.as_str() == id).map(|replica| replica.state)
    }
}

/// Waits until something holds; fails after a time that only a hang can take.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "never: {what}");
}
