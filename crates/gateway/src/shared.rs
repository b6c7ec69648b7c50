//! What all connections of an endpoint share.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::time::sleep;

use crate::access::AccessLog;
use crate::balancing::pool::REST;
use crate::balancing::rotation::Rotation;
use crate::config::{Kind, Limits, Peers, Trust};
use crate::habits::Habits;
use crate::latch::Latch;

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) local: SocketAddr,
    /// The listener's address, for HTTP/1.0 clients that name no host.
    pub(crate) default_host: String,
    pub(crate) limits: Limits,
    pub(crate) trust: Trust,
    pub(crate) peers: Option<Peers>,
    pub(crate) log: Option<AccessLog>,
    pub(crate) rotation: Rotation,
    pub(crate) closing: Latch,
    pub(crate) habits: Habits,
    pub(crate) sweeping: AtomicBool,
}

impl Shared {
    /// Whether somebody at this address is served.
    pub(crate) fn lets_in(&self, peer: IpAddr) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers(peer))
    }

    /// Sees to it that connections at rest are closed in time. A task does so for as long as there are any.
    pub(crate) fn sweep_later(self: &Arc<Self>) {
        if !self.sweeping.load(Ordering::Relaxed) && !self.sweeping.swap(true, Ordering::AcqRel) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

async fn sweep(shared: Weak<Shared>) {
    loop {
        sleep(REST).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.rotation.sweep() > 0 {
            continue;
        }
        // Somebody may have given a connection since, and seen that there is a sweeper.
        shared.sweeping.store(false, Ordering::Release);
        if shared.rotation.sweep() == 0 || shared.sweeping.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}
