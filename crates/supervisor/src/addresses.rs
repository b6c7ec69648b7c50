//! The addresses of an environment: which service or replica each is, and where that is reached.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backlot_plan::Protocol;
use backlot_view::{Network, Route, Router, Transport};

use crate::runbook::{AddressPlan, PortRun, Runbook, ServiceKind, ServiceRun, local};

/// How many addresses replicas share in turn: so many that one is long forgotten when it comes again.
const REPLICAS: u16 = 0x7f00;
/// The first of them, beyond those of services.
const FIRST: u16 = 0x8001;

/// The addresses of an environment. Programs ask by [`Router`], from their own threads.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    known: Mutex<Known>,
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    plan: Option<AddressPlan>,
    services: BTreeMap<String, Reached>,
    replicas: BTreeMap<Ipv4Addr, (String, Arc<Network>)>,
    next: u16,
}

/// How a service is reached.
#[derive(Debug)]
enum Reached {
    /// At its replicas. What is balanced and drained goes through the endpoint of its port; a protocol of which nothing is
    /// known does where there are several.
    Replicas(BTreeMap<u16, (u16, Protocol)>),
    /// At these ports of this machine.
    Here(BTreeMap<u16, u16>),
}

impl Addresses {
    /// The services are those of `runbook` from now on.
    pub(crate) fn take(&self, runbook: &Runbook) {
        let mut known = self.known();
        known.plan.clone_from(&runbook.addresses);
        known.services = runbook.services.iter().map(|run| (run.name.clone(), reached(run))).collect();
    }

    /// The network of a new replica of a service that has addresses; `None` where there are none to be had.
    pub(crate) fn enter(self: &Arc<Self>, run: &ServiceRun) -> Option<Arc<Network>> {
        if !run.process().has_addresses {
            return None;
        }
        let mut known = self.known();
        let net = known.plan.as_ref()?.machine.octets()[1];
        let own = (0..REPLICAS).find_map(|_| {
            let [high, low] = (FIRST + known.next % REPLICAS).to_be_bytes();
            known.next = known.next.wrapping_add(1);
            let own = Ipv4Addr::new(127, net, high, low);
            (!known.replicas.contains_key(&own)).then_some(own)
        })?;
        let fixed = match run.kind {
            ServiceKind::Front(_) => {
                let ports = run.process().ports.iter();
                ports
                    .map(|port| (port.target, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port.endpoint)))
                    .collect()
            }
            ServiceKind::Process(_) | ServiceKind::Database { .. } => BTreeMap::new(),
        };
        let router: Arc<dyn Router> = Arc::clone(self) as _;
        let network = Arc::new(Network::new(own, fixed, router));
        known.replicas.insert(own, (run.name.clone(), Arc::clone(&network)));
        Some(network)
    }

    /// The replica at that address is gone.
    pub(crate) fn leave(&self, own: Ipv4Addr) {
        self.known().replicas.remove(&own);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Router for Addresses {
    fn route(&self, to: Ipv4Addr, port: u16, transport: Transport) -> Route {
        let known = self.known();
        let Some(plan) = &known.plan else { return Route::Foreign };
        if to == plan.machine {
            return Route::To(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        }
        if let Some((_, network)) = known.replicas.get(&to) {
            return network.find(transport, port).map_or(Route::Nobody, Route::To);
        }
        let is_ours = to.octets()[..2] == plan.machine.octets()[..2];
        let Some((name, _)) = plan.services.iter().find(|(_, address)| **address == to) else {
            return if is_ours { Route::Nobody } else { Route::Foreign };
        };
        match known.services.get(name) {
            None => Route::Nobody,
            Some(Reached::Here(ports)) => ports.get(&port).map_or(Route::Nobody, |port| here(*port)),
            Some(Reached::Replicas(endpoints)) => {
                let own = known.replicas.values().filter(|(service, _)| service == name);
                let places: Vec<SocketAddrV4> =
                    own.filter_map(|(_, network)| network.find(transport, port)).collect();
                match (&places[..], endpoints.get(&port).filter(|_| transport == Transport::Tcp)) {
                    ([], _) => Route::Nobody,
                    ([place], None | Some((_, Protocol::Tcp))) => Route::To(*place),
                    (_, Some((endpoint, _))) => here(*endpoint),
                    (places, None) => {
                        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % places.len();
                        Route::To(places[turn])
                    }
                }
            }
        }
    }
}

fn here(port: u16) -> Route {
    Route::To(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn reached(run: &ServiceRun) -> Reached {
    let ports = run.process().ports.iter();
    let endpoints: BTreeMap<u16, u16> = ports.clone().map(|port| (port.target, port.endpoint)).collect();
    match run.kind {
        ServiceKind::Process(_) => {
            Reached::Replicas(ports.map(|port| (port.target, (port.endpoint, port.protocol))).collect())
        }
        ServiceKind::Front(_) => Reached::Here(endpoints),
        ServiceKind::Database { port, .. } => {
            // Files for several environments say its published port, too: it is the one server all the same.
            let published = ports.flat_map(PortRun::published_at).chain([local(port)]);
            let all = published.map(|at: SocketAddr| (at.port(), port));
            Reached::Here(all.chain(endpoints.into_keys().map(|target| (target, port))).collect())
        }
    }
}
