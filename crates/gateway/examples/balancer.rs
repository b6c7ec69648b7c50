//! The gateway by itself, for the benchmark: `balancer PORT REPLICA_PORT...`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use backlot_gateway::{EndpointConfig, Gateway, Kind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<u16> = std::env::args().skip(1).map(|port| port.parse()).collect::<Result<_, _>>()?;
    let [port, replicas @ ..] = &ports[..] else { return Err("usage: balancer PORT REPLICA_PORT...".into()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let gateway = Gateway::new(runtime.handle().clone());
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))?;
    let endpoint = gateway.open(EndpointConfig::new(format!("bench:{port}"), listen, Kind::Http))?;
    for (number, replica) in replicas.iter().enumerate() {
        endpoint.add(format!("bench.{}", number + 1), SocketAddr::from((Ipv4Addr::LOCALHOST, *replica)))?;
    }
    runtime.block_on(std::future::pending())
}
