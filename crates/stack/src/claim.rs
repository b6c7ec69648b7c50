//! The addresses of this machine that services publish.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use backlot_project::Location;

/// A port that a service wants for itself.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The service.
    pub service: String,
    /// The address.
    pub address: SocketAddr,
    /// Where the service is defined.
    pub at: Location,
}

impl Claim {
    /// A port of 127.0.0.1.
    pub fn local(service: String, port: u16, at: Location) -> Self {
        Self { service, address: (Ipv4Addr::LOCALHOST, port).into(), at }
    }

    /// Whether both cannot be had.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (self.address, other.address);
        let covers = one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() == other.port() && (one.ip() == other.ip() || (covers && one.is_ipv4() == other.is_ipv4()))
    }

    /// Whether it is the other address of this machine, of a port that is published at both.
    pub fn is_twin(&self, all: &[Self]) -> bool {
        let port = self.address.port();
        self.address.ip() == Ipv6Addr::LOCALHOST
            && all.iter().any(|other| {
                other.service == self.service && other.address == (Ipv4Addr::LOCALHOST, port).into()
            })
    }
}
