//! The endpoints of the stack, and the gateway behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use backlot_gateway::{Endpoint, EndpointConfig, Gateway, Kind, ReplicaId as GatewayId, ReplicaStatus};
use backlot_logs::{GATEWAY_LOG, LogSet, Stream};
use backlot_plan::Protocol;
use backlot_plan::supervise::ReplicaId;
use backlot_process::port_holder;

use crate::driver::input::Input;
use crate::protocol::{Failure, FailureCode};
use crate::runbook::{PortRun, ServiceKind, ServiceRun};

/// Threads that serve requests, beside the one that accepts and balances.
const THREADS: usize = 2;
/// How long requests at an endpoint that is closed may take to finish.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// All endpoints.
pub(crate) struct Endpoints {
    runtime: tokio::runtime::Handle,
    open: BTreeMap<Key, OpenEndpoint>,
    logs: LogSet,
    gateway: Gateway,
}

/// A service, and the port of its endpoint.
type Key = (String, u16);

struct OpenEndpoint {
    target: u16,
    protocol: Protocol,
    endpoint: Endpoint,
    /// Its socket, for the endpoint that may have the port after it.
    listener: TcpListener,
    /// The stack has it no more; it is closed as soon as no old replicas are behind it.
    is_stale: bool,
}

/// Where a replica serves which endpoint.
pub(crate) type Backends = Vec<(u16, SocketAddr)>;

impl Endpoints {
    /// A gateway without endpoints; what goes through it is written to `logs`.
    pub(crate) fn new(logs: LogSet) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| impossible(&error))?;
        let handle = runtime.handle().clone();
        // It serves until the process ends.
        let serve = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name("gateway".into()).spawn(serve).map_err(|error| impossible(&error))?;
        let gateway = Gateway::with_threads(handle.clone(), THREADS).map_err(|error| impossible(&error))?;
        Ok(Self { runtime: handle, open: BTreeMap::new(), logs, gateway })
    }

    /// Opens an endpoint for each port of a service that is behind the gateway, unless they are open.
    pub(crate) fn open(&mut self, service: &ServiceRun) -> Result<(), Failure> {
        let ServiceKind::Process(run) = &service.kind else { return Ok(()) };
        let ports = run.ports.iter().map(|port| ((service.name.clone(), port.endpoint), *port));
        let is_target = |target: u16| {
            move |((owner, _), opened): (&Key, &OpenEndpoint)| {
                *owner == service.name && opened.target == target
            }
        };
        let new: Vec<_> = ports.filter(|(_, port)| !self.open.iter().any(is_target(port.target))).collect();
        self.open_all(&new)
    }

    /// Whether a service has endpoints.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.open.keys().any(|(owner, _)| owner == service)
    }

    /// Opens the endpoints of `services` that are not open yet. What is open besides is closed now where it is in the way,
    /// else by [`Self::close_stale`]. A port that passes from one endpoint to another listens all the time.
    ///
    /// # Errors
    /// When a port is in use by others; then nothing has changed.
    pub(crate) fn adopt(&mut self, services: &[&ServiceRun]) -> Result<(), Failure> {
        let mut wanted: BTreeMap<Key, PortRun> = BTreeMap::new();
        for service in services {
            if let ServiceKind::Process(run) = &service.kind {
                wanted.extend(run.ports.iter().map(|port| ((service.name.clone(), port.endpoint), *port)));
            }
        }
        let is_there = |key: &Key, port: &PortRun| {
            self.open.get(key).is_some_and(|opened| opened.protocol == port.protocol)
        };
        let new: BTreeMap<Key, PortRun> = wanted
            .iter()
            .filter(|(key, port)| !is_there(key, port))
            .map(|(key, port)| (key.clone(), *port))
            .collect();
        let listeners = new.keys().map(|key| self.listener(key)).collect::<Result<Vec<_>, _>>()?;
        let taken: BTreeSet<u16> =
            services.iter().flat_map(|run| &run.process().ports).map(|port| port.endpoint).collect();
        for key in self.open.keys().cloned().collect::<Vec<Key>>() {
            let Some(opened) = self.open.get_mut(&key) else { continue };
            let stays = wanted.get(&key).filter(|_| !new.contains_key(&key));
            let moves =
                new.iter().any(|((service, _), port)| *service == key.0 && port.target == opened.target);
            opened.is_stale = stays.is_none();
            if let Some(port) = stays {
                opened.target = port.target;
            } else if moves || taken.contains(&key.1) {
                self.close_one(&key);
            }
        }
        for ((key, port), listener) in new.into_iter().zip(listeners) {
            let opened = self.make(&key.0, port, listener)?;
            self.open.insert(key, opened);
        }
        Ok(())
    }

    /// The socket of the endpoint that has the port now, else a new one.
    fn listener(&self, (service, port): &Key) -> Result<TcpListener, Failure> {
        match self.open.iter().find(|((_, open), _)| open == port) {
            Some((_, opened)) => opened.listener.try_clone().map_err(|error| impossible(&error)),
            None => listen(*port, service),
        }
    }

    /// Opens all of them; none when a port is in use.
    fn open_all(&mut self, wanted: &[(Key, PortRun)]) -> Result<(), Failure> {
        let listeners = wanted.iter().map(|(key, _)| listen(key.1, &key.0)).collect::<Result<Vec<_>, _>>()?;
        for ((key, port), listener) in wanted.iter().zip(listeners) {
            let opened = self.make(&key.0, *port, listener)?;
            self.open.insert(key.clone(), opened);
        }
        Ok(())
    }

    fn make(&self, service: &str, port: PortRun, listener: TcpListener) -> Result<OpenEndpoint, Failure> {
        let kind = match port.protocol {
            Protocol::Http => Kind::Http,
            Protocol::Tcp => Kind::Tcp,
            Protocol::Auto => Kind::Auto,
        };
        let name = format!("{service}:{}", port.target);
        let (logs, label) = (self.logs.clone(), name.clone());
        let own = listener.try_clone().map_err(|error| impossible(&error))?;
        let config = EndpointConfig::new(name, own, kind).access_log(move |line| {
            logs.line(GATEWAY_LOG, &label, Stream::Out, &without_query(&line.to_string()));
        });
        let endpoint = self.gateway.open(config).map_err(|error| impossible(&error))?;
        Ok(OpenEndpoint { target: port.target, protocol: port.protocol, endpoint, listener, is_stale: false })
    }

    /// Takes no more clients there; what is under way is finished.
    fn close_one(&mut self, key: &Key) {
        if let Some(opened) = self.open.remove(key) {
            self.runtime.spawn(self.gateway.close(opened.endpoint.name(), CLOSE_LIMIT));
        }
    }

    /// Closes what the stack has no more.
    pub(crate) fn close_stale(&mut self) {
        let stale = self.open.iter().filter(|(_, opened)| opened.is_stale);
        for key in stale.map(|(key, _)| key.clone()).collect::<Vec<Key>>() {
            self.close_one(&key);
        }
    }

    fn of(&self, service: &str) -> impl Iterator<Item = &Endpoint> {
        self.open.iter().filter(move |((owner, _), _)| owner == service).map(|(_, opened)| &opened.endpoint)
    }

    /// Gives a replica requests, or gives it some again.
    pub(crate) fn add(&self, service: &str, id: &GatewayId, backends: &Backends) {
        for (port, address) in backends {
            let Some(opened) = self.open.get(&(service.to_owned(), *port)) else { continue };
            if opened.endpoint.add(id.clone(), *address).is_ok() {
                continue;
            }
            // It is there already.
            let has_moved = |known: &ReplicaStatus| known.id == *id && known.addr != *address;
            if opened.endpoint.replicas().iter().any(has_moved) {
                let _ = opened.endpoint.remove(id);
                let _ = opened.endpoint.add(id.clone(), *address);
            } else {
                let _ = opened.endpoint.set_health(id, true);
            }
        }
    }

    /// Gives a replica no new requests.
    pub(crate) fn pause(&self, service: &str, id: &GatewayId) {
        for endpoint in self.of(service) {
            let _ = endpoint.set_health(id, false);
        }
    }

    /// Forgets a replica whose process is gone.
    pub(crate) fn remove(&self, service: &str, id: &GatewayId) {
        for endpoint in self.of(service) {
            let _ = endpoint.remove(id);
        }
    }

    /// Gives a replica no new requests, and tells when it has none left.
    pub(crate) fn drain(
        &self,
        service: &str,
        replica: ReplicaId,
        id: &GatewayId,
        limit: Duration,
        inputs: &Sender<Input>,
    ) {
        let drains: Vec<_> = self.of(service).filter_map(|endpoint| endpoint.drain(id, limit).ok()).collect();
        let inputs = inputs.clone();
        self.runtime.spawn(async move {
            for drain in drains {
                drain.await;
            }
            let _ = inputs.send(Input::Drained { replica });
        });
    }

    /// Serves no more: those that are being served get a moment.
    pub(crate) fn close(&mut self) {
        const GRACE: Duration = Duration::from_millis(200);
        let (sender, closed) = std::sync::mpsc::channel();
        self.open.clear();
        let gateway = self.gateway.clone();
        self.runtime.spawn(async move {
            gateway.shutdown(GRACE).await;
            let _ = sender.send(());
        });
        let _ = closed.recv_timeout(GRACE * 5);
    }
}

/// A line of the access log without the request's query, which may hold secrets.
fn without_query(line: &str) -> String {
    let Some((before, query)) = line.split_once('?') else { return line.to_owned() };
    let after = query.split_once(' ').map_or("", |(_query, after)| after);
    format!("{before} {after}")
}

fn impossible(error: &dyn std::error::Error) -> Failure {
    Failure { code: FailureCode::Impossible, service: None, text: error.to_string(), last_lines: Vec::new() }
}

/// Whoever starts a supervisor has tried the port before; somebody may have been faster.
fn listen(port: u16, service: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let is_in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        let by = port_holder(port).filter(|_| is_in_use).map(|holder| format!(" by {holder}"));
        Failure {
            code: if is_in_use { FailureCode::PortInUse } else { FailureCode::Impossible },
            service: Some(service.to_owned()),
            text: if is_in_use {
                format!("port {port}, which service {service} needs, is in use{}", by.unwrap_or_default())
            } else {
                format!("cannot listen on 127.0.0.1:{port} for {service}: {error}")
            },
            last_lines: Vec::new(),
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_query_is_logged() {
        let line = "127.0.0.1 \"GET /users?token=s3cret HTTP/1.1\" 200 18 3.2ms web.1";
        assert_eq!(super::without_query(line), "127.0.0.1 \"GET /users HTTP/1.1\" 200 18 3.2ms web.1");
        assert_eq!(super::without_query("127.0.0.1 \"GET / HTTP/1.1\""), "127.0.0.1 \"GET / HTTP/1.1\"");
    }
}
