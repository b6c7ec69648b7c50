//! The network of an environment's containers, and the way from it to this machine.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::client::{Client, Kind, label};
use crate::error::ContainersError;

/// Where this machine is for a container of Podman's that an ordinary user runs.
const SLIRP_HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The options for that.
const SLIRP: &str = "slirp4netns:allow_host_loopback=true";

/// The addresses of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The lowest.
    pub first: Ipv4Addr,
    /// How many bits they have in common.
    pub bits: u8,
}

/// An address of this machine that containers reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// The address.
    pub address: Ipv4Addr,
    /// Those who are let in.
    pub peers: Network,
}

/// How the containers of an environment reach each other and this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By a network of their own, on which they know each other's names; this machine has these addresses there.
    Bridge {
        /// The names of those that they are on.
        networks: Vec<String>,
        /// One for each time that a port is served by another service.
        gateways: Vec<Gateway>,
    },
    /// Each for itself; what listens at 127.0.0.1 of this machine is at this address or name.
    Loopback {
        /// What follows `--network`, where that is to be said.
        network: Option<&'static str>,
        /// The address, or a word for it.
        host: String,
    },
}

/// Finds the network `name` of an environment, and `more` of which only the address counts. If one `is_made`, it is made where it
/// is not there; else it has no address.
///
/// # Errors
/// When the engine does not make one.
pub fn network(
    client: &Client,
    (name, environment): (&str, &str),
    more: usize,
    is_made: bool,
) -> Result<Way, ContainersError> {
    if client.is_rootless {
        return Ok(Way::Loopback { network: Some(SLIRP), host: SLIRP_HOST.to_string() });
    }
    let one = |name: &str| one(client, name, environment, is_made);
    let first = one(name)?;
    // Where the engine is in a machine of its own, its networks are there, too.
    let is_here = client.kind == Kind::Podman || TcpListener::bind((first.0, 0)).is_ok();
    if cfg!(not(target_os = "linux")) || !is_here {
        return Ok(Way::Loopback { network: None, host: "host-gateway".to_owned() });
    }
    let mut gateways = vec![Gateway { address: first.0, peers: first.1 }];
    let mut networks = vec![name.to_owned()];
    for number in 0..more {
        let other = format!("{name}-{}", number + 2);
        let (address, own) = one(&other)?;
        // Docker's are there without a container; Podman's come with the first, which then has an address on each.
        let peers = if client.kind == Kind::Docker { first.1 } else { own };
        gateways.push(Gateway { address, peers });
        networks.extend((client.kind == Kind::Podman).then_some(other));
    }
    Ok(Way::Bridge { networks, gateways })
}

/// Has the engine know a folder of this machine as the volume `name`.
///
/// # Errors
/// When it does not.
pub fn know_volume(
    client: &Client,
    (name, environment): (&str, &str),
    folder: &Path,
) -> Result<(), ContainersError> {
    let device = format!("device={}", folder.display());
    let own = label(environment);
    let mut words = vec!["volume", "create", "--label", &own];
    words.extend(["--opt", "type=none", "--opt", "o=bind", "--opt", &device]);
    words.push(name);
    match client.ask(words) {
        // Its name says of which folder it is.
        Err(ContainersError::Failed { said, .. })
            if said.iter().any(|line| line.contains("already exists")) =>
        {
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

/// A network's address of this machine, and all of its addresses.
fn one(
    client: &Client,
    name: &str,
    environment: &str,
    is_made: bool,
) -> Result<(Ipv4Addr, Network), ContainersError> {
    let made = if is_made {
        // Mostly there is none yet; one that is there is looked at below.
        client.ask(["network", "create", "--label", &label(environment), name]).map(drop)
    } else {
        Ok(())
    };
    let text = match client.ask(["network", "inspect", name]) {
        Ok(text) => text,
        Err(ContainersError::Failed { .. }) if !is_made => {
            return Ok((Ipv4Addr::UNSPECIFIED, Network { first: Ipv4Addr::UNSPECIFIED, bits: 32 }));
        }
        // It says more why there is none.
        Err(error) => return made.and(Err(error)),
    };
    read(&text).ok_or_else(|| ContainersError::Garbage {
        command: "network inspect".to_owned(),
        expected: "description of a network with IPv4 addresses",
        begin: text.chars().take(100).collect(),
    })
}

fn read(text: &str) -> Option<(Ipv4Addr, Network)> {
    let all: Json = serde_json::from_str(text).ok()?;
    let network = all.get(0)?;
    let docker = network["IPAM"]["Config"].as_array().into_iter().flatten();
    let podman = network["subnets"].as_array().into_iter().flatten();
    docker.chain(podman).find_map(|part| {
        let text = |one: &str, other: &str| part[one].as_str().or(part[other].as_str());
        let (first, bits) = text("Subnet", "subnet")?.split_once('/')?;
        let peers =
            Network { first: first.parse().ok()?, bits: bits.parse().ok().filter(|bits| *bits <= 32)? };
        Some((text("Gateway", "gateway")?.parse().ok()?, peers))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Network, read};

    #[test]
    fn both_tell_of_their_networks() {
        let peers = Network { first: Ipv4Addr::new(172, 18, 0, 0), bits: 16 };
        let gateway = Ipv4Addr::new(172, 18, 0, 1);
        let docker = r#"[{"IPAM": {"Config": [{"Subnet": "fd00::/64", "Gateway": "fd00::1"}, {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]}}]"#;
        assert_eq!(read(docker), Some((gateway, peers)));
        let podman = r#"[{"subnets": [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.1"}]}]"#;
        assert_eq!(read(podman), Some((gateway, peers)));
        assert_eq!(read("[]"), None);
        assert_eq!(read(r#"[{"IPAM": {"Config": [{"Subnet": "1.2.3.4/99", "Gateway": "1.2.3.4"}]}}]"#), None);
    }
}
