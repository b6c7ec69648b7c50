//! The endpoints of the stack, and the gateway behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use backlot_gateway::{Endpoint, EndpointConfig, Gateway, Kind, ReplicaId as GatewayId, ReplicaStatus};
use backlot_logs::{GATEWAY_LOG, LogSet, Stream};
use backlot_plan::Protocol;
use backlot_plan::supervise::ReplicaId;
use backlot_process::address_holder;

use crate::container::{Peers, listen_early};
use crate::driver::input::Input;
use crate::protocol::{Failure, FailureCode};
use crate::runbook::{ServiceKind, ServiceRun, local};

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

/// A service, and the address of its endpoint.
type Key = (String, SocketAddr);

/// What an endpoint is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    target: u16,
    protocol: Protocol,
    /// The place to which all of it is handed on: that of a program that listens at its own endpoint itself.
    relayed: Option<SocketAddr>,
    /// Who is let in, where that is not everybody who can reach it.
    peers: Option<Peers>,
    /// Whether it is for containers, whose network may come later.
    is_early: bool,
}

struct OpenEndpoint {
    wanted: Wanted,
    endpoint: Endpoint,
    /// Its socket, for the endpoint that may have the port after it.
    listener: TcpListener,
    /// The stack has it no more; it is closed as soon as no old replicas are behind it.
    is_stale: bool,
}

/// Where a replica serves which port of its container.
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

    /// Opens the endpoints of a service, unless they are open.
    pub(crate) fn open(&mut self, service: &ServiceRun) -> Result<(), Failure> {
        let is_open = |target: u16| {
            let mut open = self.open.iter();
            open.any(|((owner, _), opened)| *owner == service.name && opened.wanted.target == target)
        };
        let new: Vec<_> = wanted(service).filter(|(_, wanted)| !is_open(wanted.target)).collect();
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
        let wanted: BTreeMap<Key, Wanted> = services.iter().flat_map(|service| wanted(service)).collect();
        let is_there = |key: &Key, wanted: &Wanted| {
            self.open.get(key).is_some_and(|opened| {
                let same = Wanted { target: wanted.target, ..opened.wanted };
                same == *wanted
            })
        };
        let new = wanted.iter().filter(|(key, wanted)| !is_there(key, wanted));
        let mut opening: Vec<(Key, Wanted, TcpListener)> = Vec::new();
        for (key, wanted) in new {
            if let Some(listener) = self.listener(key, wanted.is_early)? {
                opening.push((key.clone(), *wanted, listener));
            }
        }
        let taken: BTreeSet<SocketAddr> =
            services.iter().flat_map(|run| &run.process().ports).map(|port| local(port.endpoint)).collect();
        for key in self.open.keys().cloned().collect::<Vec<Key>>() {
            let Some(opened) = self.open.get_mut(&key) else { continue };
            let is_new = opening.iter().any(|(new, ..)| *new == key);
            let stays = wanted.get(&key).filter(|_| !is_new);
            let moves = opening
                .iter()
                .any(|((service, _), new, _)| *service == key.0 && new.target == opened.wanted.target);
            opened.is_stale = stays.is_none();
            if let Some(wanted) = stays {
                opened.wanted.target = wanted.target;
            } else if moves || taken.contains(&key.1) {
                self.close_one(&key);
            }
        }
        for (key, wanted, listener) in opening {
            let opened = self.make(&key, wanted, listener)?;
            self.open.insert(key, opened);
        }
        Ok(())
    }

    /// The socket of the endpoint that has the address now, else a new one; none where that is not to be had, nor needed.
    fn listener(&self, (service, address): &Key, is_early: bool) -> Result<Option<TcpListener>, Failure> {
        match self.open.iter().find(|((_, open), _)| open == address) {
            Some((_, opened)) => opened.listener.try_clone().map(Some).map_err(|error| impossible(&error)),
            None if is_early => Ok(self.listen_inside(*address, service)),
            None => listen(*address, service),
        }
    }

    /// The socket at which containers reach a service; one that cannot be had is told.
    fn listen_inside(&self, address: SocketAddr, service: &str) -> Option<TcpListener> {
        let say = |error: std::io::Error| {
            let by = address_holder(address).map(|holder| format!(" (by {holder})")).unwrap_or_default();
            let text = format!("(backlot: containers do not reach it at {address}: {error}{by})");
            self.logs.line(service, service, Stream::Err, &text);
        };
        listen_early(address).map_err(say).ok()
    }

    /// Opens all of them; none when a port is in use.
    fn open_all(&mut self, all: &[(Key, Wanted)]) -> Result<(), Failure> {
        let listeners = all
            .iter()
            .map(|(key, wanted)| self.listener(key, wanted.is_early))
            .collect::<Result<Vec<_>, _>>()?;
        for ((key, wanted), listener) in all.iter().zip(listeners) {
            let Some(listener) = listener else { continue };
            let opened = self.make(key, *wanted, listener)?;
            self.open.insert(key.clone(), opened);
        }
        Ok(())
    }

    fn make(
        &self,
        (service, address): &Key,
        wanted: Wanted,
        listener: TcpListener,
    ) -> Result<OpenEndpoint, Failure> {
        let kind = match wanted.protocol {
            _ if wanted.relayed.is_some() => Kind::Tcp,
            Protocol::Http => Kind::Http,
            Protocol::Tcp => Kind::Tcp,
            Protocol::Auto => Kind::Auto,
        };
        let plain = format!("{service}:{}", wanted.target);
        let is_free = self.gateway.endpoint(&plain).is_none();
        let name = if is_free { plain.clone() } else { format!("{plain} at {address}") };
        let logs = self.logs.clone();
        let own = listener.try_clone().map_err(|error| impossible(&error))?;
        let config = EndpointConfig::new(name, own, kind).access_log(move |line| {
            logs.line(GATEWAY_LOG, &plain, Stream::Out, &without_query(&line.to_string()));
        });
        let config = match wanted.peers {
            Some(peers) => config.only(move |ip| matches!(ip, IpAddr::V4(ip) if peers.has(ip))),
            None => config,
        };
        let endpoint = self.gateway.open(config).map_err(|error| impossible(&error))?;
        if let Some(place) = wanted.relayed {
            let _ = endpoint.add(service.as_str(), place);
        }
        Ok(OpenEndpoint { wanted, endpoint, listener, is_stale: false })
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
        let own = self.open.iter().filter(|((owner, _), _)| owner == service).map(|(_, opened)| opened);
        for opened in own {
            let place = backends.iter().find(|(target, _)| *target == opened.wanted.target);
            let Some((_, address)) = place.filter(|_| opened.wanted.relayed.is_none()) else { continue };
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
    Failure::impossible(error.to_string())
}

/// The endpoints of a service. What listens at its own endpoint itself has only the others here.
fn wanted(service: &ServiceRun) -> impl Iterator<Item = (Key, Wanted)> {
    let is_behind = matches!(service.kind, ServiceKind::Process(_));
    service.process().ports.iter().flat_map(move |port| {
        let own = Some(local(port.endpoint)).filter(|_| is_behind);
        let relayed = (!is_behind).then(|| local(port.endpoint));
        let (target, protocol) = (port.target, port.protocol);
        let wanted = Wanted { target, protocol, relayed, peers: None, is_early: false };
        let outside = own.into_iter().chain(port.also.iter().copied()).map(move |at| (at, wanted));
        let inside = port.inside.iter();
        let inside = inside.map(move |one| (one.at, Wanted { peers: one.peers, is_early: true, ..wanted }));
        outside.chain(inside).map(move |(at, wanted)| ((service.name.clone(), at), wanted))
    })
}

/// Whoever starts a supervisor has tried the address before; somebody may have been faster. Not every machine has the other
/// loopback address, of which nobody has spoken.
fn listen(address: SocketAddr, service: &str) -> Result<Option<TcpListener>, Failure> {
    TcpListener::bind(address).map(Some).or_else(|error| {
        let is_had = matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
        if address.ip() == Ipv6Addr::LOCALHOST && !is_had {
            return Ok(None);
        }
        let is_in_use = error.kind() == ErrorKind::AddrInUse;
        let by = address_holder(address).filter(|_| is_in_use).map(|holder| format!(" by {holder}"));
        let port = if address.ip() == Ipv4Addr::LOCALHOST {
            address.port().to_string()
        } else {
            address.to_string()
        };
        Err(Failure {
            code: if is_in_use { FailureCode::PortInUse } else { FailureCode::Impossible },
            service: Some(service.to_owned()),
            text: if is_in_use {
                format!("port {port}, which service {service} needs, is in use{}", by.unwrap_or_default())
            } else {
                format!("cannot listen on {address} for {service}: {error}")
            },
            last_lines: Vec::new(),
        })
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
