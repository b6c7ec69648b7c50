//! What of an environment's services can be reached by name, and how it does. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use backlot_plan::Protocol;
use backlot_supervisor::{EndpointReport, Health, ReplicaReport, ServiceReport, State};

use crate::names::{free, label};

/// How a service does that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A replica is ready.
    Ready,
    /// None is, and one is on its way.
    Starting,
    /// None is on its way either; why, if that is known.
    Down(Option<String>),
}

/// An address of a service that may speak HTTP, and its name in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// `web`; of a further port `web-9000`.
    pub label: String,
    /// The service.
    pub service: String,
    /// The port inside its container.
    pub target: u16,
    /// Where it is.
    pub address: SocketAddr,
    /// Whether its file publishes it.
    pub published: bool,
    /// How its service does.
    pub condition: Condition,
}

/// All of an environment: the main one of each service first, and of these the published ones.
pub fn entrances(services: &[ServiceReport]) -> Vec<Entrance> {
    // Whose name is as it stands has it before those whose name only becomes the same.
    let mut services: Vec<&ServiceReport> = services.iter().collect();
    services.sort_by_key(|service| label(&service.name) != service.name);
    let mut found: Vec<Entrance> = Vec::new();
    let mut further = Vec::new();
    for service in services {
        let condition = condition(service);
        for (number, (endpoint, address)) in endpoints(service).into_iter().enumerate() {
            let wanted = label(&service.name);
            let entrance = |label| Entrance {
                label,
                service: service.name.clone(),
                target: endpoint.target,
                address,
                published: endpoint.published,
                condition: condition.clone(),
            };
            if number == 0 {
                let label = free(&wanted, |name| found.iter().any(|other| other.label == name));
                found.push(entrance(label));
            } else {
                further.push(entrance(label(&format!("{wanted}-{}", endpoint.target))));
            }
        }
    }
    found.sort_by_key(|entrance| !entrance.published);
    for mut entrance in further {
        entrance.label = free(&entrance.label, |name| found.iter().any(|other| other.label == name));
        found.push(entrance);
    }
    found
}

/// The endpoints of a service at which HTTP may be spoken, the published ones first, and of these the one of which the file says so.
fn endpoints(service: &ServiceReport) -> Vec<(&EndpointReport, SocketAddr)> {
    let speaks = |endpoint: &&EndpointReport| match endpoint.protocol {
        Protocol::Http | Protocol::Auto => true,
        Protocol::Tcp => false,
    };
    let all = service.endpoints.iter().filter(speaks);
    let mut all: Vec<_> = all.filter_map(|endpoint| Some((endpoint, address(endpoint)?))).collect();
    all.sort_by_key(|(endpoint, _)| (!endpoint.published, endpoint.protocol != Protocol::Http));
    // Several addresses of one port are one entrance.
    let mut seen = Vec::new();
    all.retain(|(endpoint, _)| {
        let is_new = !seen.contains(&endpoint.target);
        seen.push(endpoint.target);
        is_new
    });
    all
}

/// Where an endpoint is, if that is an address: a name of a container means nothing outside of its network.
fn address(endpoint: &EndpointReport) -> Option<SocketAddr> {
    let ip = match endpoint.address.host.parse().ok()? {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(SocketAddr::new(ip, endpoint.address.port))
}

fn condition(service: &ServiceReport) -> Condition {
    let is_ready = |replica: &ReplicaReport| {
        let runs = matches!(replica.state, State::Running | State::Draining);
        runs && matches!(replica.health, None | Some(Health::Healthy))
    };
    if service.replicas.iter().any(is_ready) {
        return Condition::Ready;
    }
    if service.is_starting() {
        return Condition::Starting;
    }
    Condition::Down(service.replicas.iter().find_map(|replica| replica.reason.clone()))
}

#[cfg(test)]
mod tests {
    use backlot_plan::{Endpoint, Protocol};
    use backlot_supervisor::{EndpointReport, Health, ReplicaReport, ServiceReport, State};

    use super::{Condition, entrances};

    fn service(name: &str, endpoints: &[(u16, &str, bool, Protocol)]) -> ServiceReport {
        let endpoints = endpoints.iter().map(|(target, host, published, protocol)| EndpointReport {
            target: *target,
            address: Endpoint::new(*host, target + 10_000),
            published: *published,
            protocol: *protocol,
        });
        ServiceReport {
            name: name.into(),
            engine: "native".into(),
            wanted: 1,
            rolling: false,
            endpoints: endpoints.collect(),
            replicas: Vec::new(),
        }
    }

    fn replica(state: State, health: Option<Health>) -> ReplicaReport {
        ReplicaReport {
            number: 1,
            state,
            health,
            reason: Some("it is ill".into()),
            addresses: Vec::new(),
            pid: None,
            started: None,
            restarts: 0,
            own: None,
            ports: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn every_port_that_may_speak_http_has_a_name() {
        let found = entrances(&[
            service("db", &[(5432, "127.0.0.1", true, Protocol::Tcp)]),
            service("My_Web", &[(80, "127.0.0.1", true, Protocol::Auto)]),
            service(
                "my-web",
                &[
                    (9000, "127.0.0.1", false, Protocol::Http),
                    (8000, "0.0.0.0", true, Protocol::Auto),
                    (8000, "::", true, Protocol::Auto),
                    (8080, "127.0.0.2", true, Protocol::Http),
                ],
            ),
            service("inside", &[(80, "inside", false, Protocol::Http)]),
        ]);
        let shown = found.iter().map(|one| format!("{} {} {}", one.label, one.service, one.address));
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "my-web my-web 127.0.0.2:18080",
                "my-web-2 My_Web 127.0.0.1:10080",
                "my-web-8000 my-web 127.0.0.1:18000",
                "my-web-9000 my-web 127.0.0.1:19000",
            ]
        );
    }

    #[test]
    fn how_a_service_does() {
        let of = |replicas: Vec<ReplicaReport>| {
            let service =
                ServiceReport { replicas, ..service("web", &[(80, "127.0.0.1", true, Protocol::Auto)]) };
            entrances(&[service]).remove(0).condition
        };
        let ill = || Condition::Down(Some("it is ill".into()));
        assert_eq!(of(Vec::new()), Condition::Down(None));
        assert_eq!(of(vec![replica(State::Running, None)]), Condition::Ready);
        assert_eq!(of(vec![replica(State::Running, Some(Health::Starting))]), Condition::Starting);
        assert_eq!(of(vec![replica(State::Running, Some(Health::Unhealthy))]), ill());
        assert_eq!(of(vec![replica(State::Failed, None)]), ill());
        assert_eq!(
            of(vec![replica(State::Failed, None), replica(State::Running, Some(Health::Healthy))]),
            Condition::Ready
        );
    }
}
