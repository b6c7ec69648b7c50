//! What a program's addresses mean.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::calls::table::Table;

/// What is spoken at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// To this place.
    To(SocketAddrV4),
    /// To a program that does not listen at that port.
    Nobody,
    /// It is none of ours: it means what it says.
    Foreign,
}

/// Who knows where the addresses of services and their replicas lead.
pub trait Router: Send + Sync {
    /// Where `to` leads a program whose own address is `from`; it may be the program's own address, of whose port is not known yet where it is. It is asked in the middle of a program's call, by several threads at once: it has to be quick.
    fn route(&self, from: Ipv4Addr, to: Ipv4Addr, port: u16, transport: Transport) -> Route;
}

/// Knows no addresses.
struct Nobody;

impl Router for Nobody {
    fn route(&self, _from: Ipv4Addr, _to: Ipv4Addr, _port: u16, _transport: Transport) -> Route {
        Route::Nobody
    }
}

/// The addresses of one program: its own, whose ports are known here, and those of others, which a [`Router`] knows.
pub struct Network {
    pub(crate) own: Ipv4Addr,
    pub(crate) router: Arc<dyn Router>,
    table: Mutex<Table>,
    heard: Mutex<Vec<Sender<()>>>,
}

impl Network {
    /// The network of a program whose own address is `own`. It listens at that, at the ports that it asks for, as far as they can
    /// be had; those of `fixed` it has at these places instead.
    pub fn new(own: Ipv4Addr, fixed: BTreeMap<u16, SocketAddrV4>, router: Arc<dyn Router>) -> Self {
        Self { own, router, table: Mutex::new(Table::new(own, fixed)), heard: Mutex::default() }
    }

    /// The network of a program that is to reach nobody.
    pub fn alone(own: Ipv4Addr) -> Self {
        Self::new(own, BTreeMap::new(), Arc::new(Nobody))
    }

    /// Its own address.
    pub fn own(&self) -> Ipv4Addr {
        self.own
    }

    /// Tells `heard` whenever it listens at a port more. What was told before is not told again.
    pub fn tell(&self, heard: Sender<()>) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }

    /// The ports at which it listens for connections, and where each of them is.
    pub fn listening(&self) -> BTreeMap<u16, SocketAddrV4> {
        self.table().listening().collect()
    }

    /// Where one of its ports is, as other programs ask for it.
    pub fn find(&self, transport: Transport, port: u16) -> Option<SocketAddrV4> {
        let table = self.table();
        table.find(transport, port, false).or_else(|| table.find(transport, port, true))
    }

    /// That one of its ports is at `place`, where another program than its own listens.
    pub fn serves(&self, port: u16, place: SocketAddrV4) {
        self.table().serves(port, place);
    }

    /// That nobody listens at that place any more.
    pub fn forget(&self, place: SocketAddrV4) {
        self.table().forget(place);
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listens(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.retain(|heard| heard.send(()).is_ok());
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("own", &self.own).finish_non_exhaustive()
    }
}
