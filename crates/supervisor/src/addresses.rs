//! The addresses of an environment: which service or replica each is, and where that is reached.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use backlot_plan::Protocol;
use backlot_view::{NAME_SERVER, Network, Route, Router, Transport, serve_names};

use crate::runbook::{AddressPlan, PortRun, Runbook, ServiceKind, ServiceRun, local};

/// How many addresses replicas share in turn: so many that one is long forgotten when it comes again.
const REPLICAS: u16 = 0x7f00;
/// The first of them, beyond those of services.
const FIRST: u16 = 0x8001;

/// The addresses of an environment. Programs ask by [`Router`], from their own threads.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    known: Arc<Mutex<Known>>,
    /// The connections of those who take what is told as lasting.
    trusting: Mutex<BTreeMap<u64, UnixStream>>,
    turn: AtomicUsize,
    name_server: OnceLock<Option<SocketAddrV4>>,
}

#[derive(Debug, Default)]
struct Known {
    plan: Option<AddressPlan>,
    services: BTreeMap<String, Reached>,
    replicas: BTreeMap<Ipv4Addr, Replica>,
    next: u16,
}

/// A replica of a service that has addresses of its own.
#[derive(Debug)]
struct Replica {
    service: String,
    network: Arc<Network>,
    /// Whether the gateway gives it requests.
    serves: bool,
}

/// How a service is reached.
#[derive(Debug)]
enum Reached {
    /// At its replicas. What is balanced and drained goes through the endpoint of its port as soon as one of them serves there; a
    /// protocol of which nothing is known does where there are several.
    Replicas(BTreeMap<u16, (u16, Protocol)>),
    /// At these ports of this machine.
    Here(BTreeMap<u16, u16>),
}

impl Known {
    /// The replica of `service` to which these addresses belong.
    fn of(&mut self, service: &str, network: &Network) -> Option<&mut Replica> {
        self.replicas.get_mut(&network.own()).filter(|replica| replica.service == service)
    }
}

impl Addresses {
    /// The services are those of `runbook` from now on.
    pub(crate) fn take(&self, runbook: &Runbook) {
        let mut known = self.known();
        known.plan.clone_from(&runbook.addresses);
        known.services = runbook.services.iter().map(|run| (run.name.clone(), reached(run))).collect();
        for stream in self.trusting().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Where an address leads, and whether it does so until other services are taken.
    pub(crate) fn find(
        &self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        port: u16,
        transport: Transport,
    ) -> (Route, bool) {
        let known = self.known();
        let service = known.plan.as_ref().and_then(|plan| plan.services.iter().find(|(_, at)| **at == to));
        let is_here = service.is_some_and(|(name, _)| {
            from != to && matches!(known.services.get(name), Some(Reached::Here(_)))
        });
        drop(known);
        let route = self.route(from, to, port, transport);
        (route, is_here && matches!(route, Route::To(_)))
    }

    /// Who asks on this connection is told by its end that what was lasting is over.
    pub(crate) fn trusted_by(&self, connection: u64, stream: &UnixStream) -> io::Result<()> {
        if let Entry::Vacant(place) = self.trusting().entry(connection) {
            place.insert(stream.try_clone()?);
        }
        Ok(())
    }

    /// Nobody asks on this connection any more.
    pub(crate) fn forgotten_by(&self, connection: u64) {
        self.trusting().remove(&connection);
    }

    fn trusting(&self) -> MutexGuard<'_, BTreeMap<u64, UnixStream>> {
        self.trusting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The network of a new replica of a service that has addresses; `None` where there are none to be had.
    pub(crate) fn enter(self: &Arc<Self>, run: &ServiceRun) -> Option<Arc<Network>> {
        if !run.process().has_addresses {
            return None;
        }
        let mut known = self.known();
        let shared = run.process().addresses_of.as_ref().and_then(|other| {
            let mut all = known.replicas.values();
            all.find(|replica| replica.service == *other).map(|replica| Arc::clone(&replica.network))
        });
        if shared.is_some() {
            return shared;
        }
        let net = known.plan.as_ref()?.machine.octets()[1];
        // The first has that of the service: whoever is not asked about, a datagram of some runtimes, finds it there all the same.
        let of_service = known.plan.as_ref().and_then(|plan| plan.services.get(&run.name)).copied();
        let of_service = of_service.filter(|own| !known.replicas.contains_key(own));
        let own = of_service.or_else(|| {
            (0..REPLICAS).find_map(|_| {
                let [high, low] = (FIRST + known.next % REPLICAS).to_be_bytes();
                known.next = known.next.wrapping_add(1);
                let own = Ipv4Addr::new(127, net, high, low);
                (!known.replicas.contains_key(&own)).then_some(own)
            })
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
        if let ServiceKind::Database { .. } = run.kind
            && let Reached::Here(ports) = reached(run)
        {
            // For what runs beside it.
            for (port, here) in ports {
                network.serves(port, SocketAddrV4::new(Ipv4Addr::LOCALHOST, here));
            }
        }
        let replica = Replica { service: run.name.clone(), network: Arc::clone(&network), serves: false };
        known.replicas.insert(own, replica);
        Some(network)
    }

    /// The replica of `service` that has these addresses is gone; another service's may have them, too.
    pub(crate) fn leave(&self, service: &str, network: &Network) {
        let mut known = self.known();
        if known.of(service, network).is_some() {
            known.replicas.remove(&network.own());
        }
    }

    /// Whether the gateway gives requests to the replica of `service` that has these addresses.
    pub(crate) fn serves(&self, service: &str, network: &Network, serves: bool) {
        if let Some(replica) = self.known().of(service, network) {
            replica.serves = serves;
        }
    }

    /// The name server, which runs as soon as somebody asks for it.
    fn name_server(&self) -> Route {
        let known = Arc::clone(&self.known);
        let names = move |name: &str| {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.plan.as_ref()?.names.get(name).copied()
        };
        let place = self.name_server.get_or_init(|| serve_names(Arc::new(names)).ok());
        place.map_or(Route::Foreign, Route::To)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Router for Addresses {
    fn route(&self, from: Ipv4Addr, to: Ipv4Addr, port: u16, transport: Transport) -> Route {
        if SocketAddrV4::new(to, port) == NAME_SERVER && transport == Transport::Udp {
            return self.name_server();
        }
        let known = self.known();
        let Some(plan) = &known.plan else { return Route::Foreign };
        if to == plan.machine {
            return Route::To(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        }
        let at = |replica: &Replica| replica.network.find(transport, port);
        let of_replica =
            || known.replicas.get(&to).map(|replica| at(replica).map_or(Route::Nobody, Route::To));
        // By its own address it means itself.
        if from == to {
            return of_replica().unwrap_or(Route::Nobody);
        }
        let is_ours = to.octets()[..2] == plan.machine.octets()[..2];
        let Some((name, _)) = plan.services.iter().find(|(_, address)| **address == to) else {
            return of_replica().unwrap_or(if is_ours { Route::Nobody } else { Route::Foreign });
        };
        match known.services.get(name) {
            None => Route::Nobody,
            Some(Reached::Here(ports)) => ports.get(&port).map_or(Route::Nobody, |port| here(*port)),
            Some(Reached::Replicas(endpoints)) => {
                let is_one = |replica: &&Replica| replica.service == *name;
                // By its own name it means itself.
                if let Some(place) = known.replicas.get(&from).filter(is_one).and_then(at) {
                    return Route::To(place);
                }
                let all: Vec<&Replica> = known.replicas.values().filter(is_one).collect();
                let places: Vec<SocketAddrV4> = all.iter().filter_map(|replica| at(replica)).collect();
                let is_served = transport == Transport::Tcp && all.iter().any(|replica| replica.serves);
                match (&places[..], endpoints.get(&port).filter(|_| is_served)) {
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
        // A container is no program with addresses here: the gateway leads to it.
        ServiceKind::Process(_) if run.process().container.is_some() => Reached::Here(endpoints),
        ServiceKind::Process(_) => {
            Reached::Replicas(ports.map(|port| (port.target, (port.endpoint, port.protocol))).collect())
        }
        ServiceKind::Front(_) if run.process().has_addresses => Reached::Replicas(BTreeMap::new()),
        ServiceKind::Front(_) => Reached::Here(endpoints),
        ServiceKind::Database { port, .. } => {
            // Files for several environments say its published port, too: it is the one server all the same.
            let published = ports.flat_map(PortRun::published_at).chain([local(port)]);
            let all = published.map(|at: SocketAddr| (at.port(), port));
            Reached::Here(all.chain(endpoints.into_keys().map(|target| (target, port))).collect())
        }
    }
}
