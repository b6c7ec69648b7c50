//! The endpoints of the stack, and the gateway behind them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use backlot_gateway::{Endpoint, EndpointConfig, Gateway, Kind, ReplicaId as GatewayId};
use backlot_plan::supervise::ReplicaId;
use backlot_process::port_holder;

use crate::driver::input::Input;
use crate::logs::{GATEWAY_LOG, LogSet, Stream};
use crate::protocol::{Failure, FailureCode};
use crate::runbook::{Protocol, ServiceKind, ServiceRun};

/// Threads that serve requests, beside the one that accepts and balances.
const THREADS: usize = 2;

/// All endpoints.
pub(crate) struct Doors {
    runtime: tokio::runtime::Handle,
    endpoints: BTreeMap<String, Vec<Endpoint>>,
    gateway: Gateway,
    logs: LogSet,
}

impl Doors {
    /// A gateway without endpoints; what goes through it is written to `logs`.
    pub(crate) fn new(logs: LogSet) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| impossible(&error))?;
        let handle = runtime.handle().clone();
        // It serves until the process ends.
        let serve = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name("gateway".into()).spawn(serve).map_err(|error| impossible(&error))?;
        let gateway = Gateway::with_threads(handle.clone(), THREADS).map_err(|error| impossible(&error))?;
        Ok(Self { runtime: handle, endpoints: BTreeMap::new(), gateway, logs })
    }

    /// Opens an endpoint for each port of a service that is behind the gateway, unless they are open.
    pub(crate) fn open(&mut self, service: &ServiceRun) -> Result<(), Failure> {
        let ServiceKind::Process(run) = &service.kind else { return Ok(()) };
        if self.endpoints.contains_key(&service.name) {
            return Ok(());
        }
        // All of them or none: what was bound is let go of when another cannot be.
        let listeners = run.ports.iter().map(|port| listen(port.endpoint, &service.name));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        let mut endpoints = Vec::new();
        for (port, listener) in run.ports.iter().zip(listeners) {
            let kind = match port.protocol {
                Protocol::Http => Kind::Http,
                Protocol::Tcp => Kind::Tcp,
                Protocol::Auto => Kind::Auto,
            };
            let name = format!("{}:{}", service.name, port.target);
            let (logs, label) = (self.logs.clone(), name.clone());
            let config = EndpointConfig::new(name, listener, kind).access_log(move |line| {
                logs.line(GATEWAY_LOG, &label, Stream::Out, &without_query(&line.to_string()));
            });
            endpoints.push(self.gateway.open(config).map_err(|error| impossible(&error))?);
        }
        self.endpoints.insert(service.name.clone(), endpoints);
        Ok(())
    }

    fn of(&self, service: &str) -> &[Endpoint] {
        self.endpoints.get(service).map_or(&[], Vec::as_slice)
    }

    /// Gives a replica requests, or gives it some again.
    pub(crate) fn add(&self, service: &str, id: &GatewayId, addresses: &[SocketAddr]) {
        for (endpoint, address) in self.of(service).iter().zip(addresses) {
            if endpoint.add(id.clone(), *address).is_err() {
                // It is there already.
                let _ = endpoint.set_health(id, true);
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
        let drains: Vec<_> =
            self.of(service).iter().filter_map(|endpoint| endpoint.drain(id, limit).ok()).collect();
        let inputs = inputs.clone();
        self.runtime.spawn(async move {
            for drain in drains {
                drain.await;
            }
            let _ = inputs.send(Input::Drained { replica });
        });
    }

    /// Serves no more: those that are being served get a moment.
    pub(crate) fn close(&self) {
        const GRACE: Duration = Duration::from_millis(200);
        let (sender, closed) = std::sync::mpsc::channel();
        let all: Vec<Endpoint> = self.endpoints.values().flatten().cloned().collect();
        self.runtime.spawn(async move {
            for endpoint in all {
                endpoint.shutdown(GRACE).await;
            }
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
